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

/// One door to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Try {
    /// Its number.
    pub index: usize,
    /// As the machine that is known to be there, not as any.
    pub own: bool,
}

/// In which order `count` doors are tried. A machine that is `known` was found behind the one called `first`; it is
/// asked there, and looked for only if it does not answer. When that is no longer `believed`, a machine that has been
/// found in another way than the first is looked for anew: it may have been met while its API was starting.
pub fn tries(count: usize, first: usize, known: bool, believed: bool) -> impl Iterator<Item = Try> {
    let own = known.then_some(Try { index: first, own: true });
    let anew = known && !believed && first > 0;
    let from = if anew { 0 } else { first };
    let any = (0..count).map(move |step| Try { index: (from + step) % count, own: false });
    own.filter(|_| !anew).into_iter().chain(any).chain(own.filter(|_| anew))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_asked_where_it_was_found_and_now_and_then_looked_for_anew() {
        let order = |first, known, believed| -> Vec<(usize, bool)> {
            tries(3, first, known, believed).map(|door| (door.index, door.own)).collect()
        };
        assert_eq!(order(1, false, false), [(1, false), (2, false), (0, false)]);
        assert_eq!(order(1, true, true), [(1, true), (1, false), (2, false), (0, false)]);
        assert_eq!(order(1, true, false), [(0, false), (1, false), (2, false), (1, true)]);
        assert_eq!(order(0, true, false), [(0, true), (0, false), (1, false), (2, false)]);
    }

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
