//! Classes of records: each has its own queue, its own budget and its own order.

/// What a record is about. Order holds within a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordClass {
    /// `event`.
    Event,
    /// `ledger`.
    Ledger,
    /// `devices/…`: the next ones say nearly the same, and are never far. They give way to the others.
    Devices,
}

impl RecordClass {
    /// In the order in which they go out.
    pub const ALL: [RecordClass; 3] = [RecordClass::Event, RecordClass::Ledger, RecordClass::Devices];

    pub fn as_str(self) -> &'static str {
        match self {
            RecordClass::Event => "event",
            RecordClass::Ledger => "ledger",
            RecordClass::Devices => "devices",
        }
    }
}

/// One value for each class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ByClass<T> {
    pub event: T,
    pub ledger: T,
    pub devices: T,
}

impl<T> ByClass<T> {
    pub fn each(mut value: impl FnMut(RecordClass) -> T) -> Self {
        Self {
            event: value(RecordClass::Event),
            ledger: value(RecordClass::Ledger),
            devices: value(RecordClass::Devices),
        }
    }

    pub fn of(&self, class: RecordClass) -> &T {
        match class {
            RecordClass::Event => &self.event,
            RecordClass::Ledger => &self.ledger,
            RecordClass::Devices => &self.devices,
        }
    }

    pub fn of_mut(&mut self, class: RecordClass) -> &mut T {
        match class {
            RecordClass::Event => &mut self.event,
            RecordClass::Ledger => &mut self.ledger,
            RecordClass::Devices => &mut self.devices,
        }
    }
}
