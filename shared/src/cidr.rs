//! Blocks of IPv4 addresses in the notation of RFC 4632.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

/// A block of IPv4 addresses, `10.244.0.0/16`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    network: u32,
    length: u32,
}

impl Cidr {
    /// The first address of the block.
    pub fn network(&self) -> Ipv4Addr {
        Ipv4Addr::from(self.network)
    }

    /// How many bits all addresses of the block have in common.
    pub fn length(&self) -> u32 {
        self.length
    }

    /// Whether every address is in the block.
    pub fn is_everything(&self) -> bool {
        self.length == 0
    }

    /// Whether an address is in the block.
    pub fn contains(&self, address: Ipv4Addr) -> bool {
        u32::from(address) & mask(self.length) == self.network
    }
}

fn mask(length: u32) -> u32 {
    u32::MAX.checked_shl(32 - length).unwrap_or(0)
}

impl FromStr for Cidr {
    type Err = String;

    fn from_str(text: &str) -> Result<Cidr, String> {
        let invalid = || format!("{text:?} is not an IPv4 network such as 10.244.0.0/16");
        let (address, length) = text.split_once('/').ok_or_else(invalid)?;
        let address: Ipv4Addr = address.parse().map_err(|_| invalid())?;
        let length: u32 = length.parse().ok().filter(|length| *length <= 32).ok_or_else(invalid)?;
        Ok(Cidr { network: u32::from(address) & mask(length), length })
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", Ipv4Addr::from(self.network), self.length)
    }
}
