//! Which address of a node's network a pod gets: the next free one, round and round, as the
//! `host-local` plugin of the reference CNI plugins hands them out.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use crate::cidr::Cidr;

/// A block of addresses, `10.244.1.0/24`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    network: u32,
    size: u32,
}

impl std::str::FromStr for Block {
    type Err = String;

    fn from_str(text: &str) -> Result<Block, String> {
        let invalid = || format!("{text:?} is not an IPv4 network such as 10.244.1.0/24");
        let block: Cidr = text.parse().map_err(|_| invalid())?;
        match block.length() {
            length @ 1..=30 => Ok(Block { network: u32::from(block.network()), size: 1 << (32 - length) }),
            _ => Err(invalid()),
        }
    }
}

/// The addresses of one node's pods.
#[derive(Debug)]
pub struct PodAddresses {
    block: Block,
    used: BTreeSet<u32>,
    last: u32,
}

/// The offset of the first address that pods get: before it lie the network and the gateway.
const FIRST: u32 = 2;

impl PodAddresses {
    /// All addresses of the block are free, but for network, gateway and broadcast.
    pub fn new(block: Block) -> PodAddresses {
        PodAddresses { block, used: BTreeSet::new(), last: FIRST - 1 }
    }

    /// Takes the next free address; `None` where there is none.
    pub fn take(&mut self) -> Option<Ipv4Addr> {
        let end = self.block.size - 1;
        let offset =
            (self.last + 1..end).chain(FIRST..self.last + 1).find(|offset| !self.used.contains(offset))?;
        self.used.insert(offset);
        self.last = offset;
        Some(Ipv4Addr::from(self.block.network + offset))
    }

    /// Gives an address back.
    pub fn release(&mut self, address: Ipv4Addr) {
        self.used.remove(&u32::from(address).wrapping_sub(self.block.network));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_should_not_be_given_twice_nor_reused_at_once() {
        let mut addresses = PodAddresses::new("10.244.1.0/29".parse().unwrap());
        let first = addresses.take().unwrap();
        assert_eq!(first, Ipv4Addr::new(10, 244, 1, 2));
        addresses.release(first);
        let taken: Vec<String> = std::iter::from_fn(|| addresses.take()).map(|ip| ip.to_string()).collect();
        assert_eq!(taken, ["10.244.1.3", "10.244.1.4", "10.244.1.5", "10.244.1.6", "10.244.1.2"]);
    }

    #[test]
    fn malformed_blocks_should_be_refused() {
        for text in ["", "10.244.1.0", "10.244.1.0/33", "x/24"] {
            assert!(text.parse::<Block>().is_err(), "{text}");
        }
    }
}
