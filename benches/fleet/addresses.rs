//! Where the simulated machines are: each has a loopback address of its own.

use std::net::Ipv4Addr;

const HEALTHY: Ipv4Addr = Ipv4Addr::new(127, 10, 0, 1);
const SILENT: Ipv4Addr = Ipv4Addr::new(127, 11, 0, 1);
const REFUSING: Ipv4Addr = Ipv4Addr::new(127, 12, 0, 1);

/// Nothing listens there, and without privileges nothing can.
const CLOSED_PORT: u16 = 1;

/// Of each row of the faulty site: machines that answer, that accept and say nothing, that refuse.
const ROW: [usize; 3] = [80, 10, 10];

/// Where healthy machine `index` is.
pub fn healthy(index: usize) -> Ipv4Addr {
    offset(HEALTHY, index)
}

/// Which healthy machine is there.
pub fn index_of(address: Ipv4Addr) -> usize {
    (u32::from(address) - u32::from(HEALTHY)) as usize
}

pub fn is_silent(address: Ipv4Addr) -> bool {
    address.octets()[1] == SILENT.octets()[1]
}

/// True for the id of a machine that answers.
pub fn is_healthy(id: &str) -> bool {
    id.starts_with("127.10.")
}

/// The `hosts` of a site, and how many of them answer.
pub fn hosts(machines: usize, port: u16, faulty: bool) -> (Vec<String>, usize) {
    if !faulty {
        return (vec![range(HEALTHY, 0, machines, port)], machines);
    }
    let rows = machines / ROW.iter().sum::<usize>();
    let row = |row: usize| {
        let of = |first, part: usize, port| range(first, row * ROW[part], ROW[part], port);
        [of(HEALTHY, 0, port), of(SILENT, 1, port), of(REFUSING, 2, CLOSED_PORT)]
    };
    ((0..rows).flat_map(row).collect(), rows * ROW[0])
}

fn range(first: Ipv4Addr, from: usize, count: usize, port: u16) -> String {
    format!("{}-{}:{port}", offset(first, from), offset(first, from + count - 1))
}

fn offset(first: Ipv4Addr, by: usize) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(first) + by as u32)
}
