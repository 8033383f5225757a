//! Where a machine may be asked, and in which language.

/// How a machine is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The cgminer API.
    Cgminer,
    /// Pages.
    Http,
    /// API 3 of WhatsMiners.
    Framed,
}

/// A way and the port behind which it is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Door {
    pub way: Way,
    pub port: u16,
}

/// The port of the cgminer API, and of ePIC's pages.
pub const API_PORT: u16 = 4028;
/// The port of pages.
pub const WEB_PORT: u16 = 80;
/// The port of API 3 of WhatsMiners.
pub const FRAMED_PORT: u16 = 4433;

/// The doors of a machine that the config has at `port`, in the order in which an unknown one is asked. Behind
/// the default port may be any machine at its own port; behind another one it is that port, in every way.
pub fn doors(port: u16) -> Vec<Door> {
    let own = port == API_PORT;
    let mut doors = vec![
        Door { way: Way::Cgminer, port },
        Door { way: Way::Http, port },
        Door { way: Way::Framed, port: if own { FRAMED_PORT } else { port } },
    ];
    if own {
        doors.push(Door { way: Way::Http, port: WEB_PORT });
    }
    doors
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(port: u16) -> Vec<(Way, u16)> {
        doors(port).into_iter().map(|door| (door.way, door.port)).collect()
    }

    #[test]
    fn the_default_port_stands_for_every_machine_at_its_own() {
        let all = [(Way::Cgminer, 4028), (Way::Http, 4028), (Way::Framed, 4433), (Way::Http, 80)];
        assert_eq!(listed(4028), all);
    }

    #[test]
    fn a_port_of_its_own_is_tried_in_all_three_ways_and_no_other_is() {
        assert_eq!(listed(8080), [(Way::Cgminer, 8080), (Way::Http, 8080), (Way::Framed, 8080)]);
    }
}
