//! IP addresses and CIDR blocks in fields.
//!
//! Follows apimachinery `pkg/util/validation/ip.go`, with strict validation as upstream has it by default.

use std::net::IpAddr;

use super::field::{ErrorList, Path, quote};

/// Requires a valid IP address in its canonical form.
pub(crate) fn validate_ip(errors: &mut ErrorList, path: &Path, value: &str) {
    let Ok(address) = value.parse::<IpAddr>() else {
        return errors.invalid(path, value, unparsable_ip(value));
    };
    if matches!(address, IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some()) {
        return errors.invalid(path, value, "must not be an IPv4-mapped IPv6 address");
    }
    if address.to_string() != value {
        errors.invalid(path, value, format!("must be in canonical form ({})", quote(&address.to_string())));
    }
}

/// Why text is no IP address: leading zeros, which upstream's sloppy parser takes, have their own sentence.
fn unparsable_ip(value: &str) -> &'static str {
    let octets: Vec<&str> = value.split('.').collect();
    let sloppy = octets.len() == 4
        && octets.iter().all(|octet| {
            octet.bytes().all(|b| b.is_ascii_digit()) && octet.parse::<u16>().is_ok_and(|number| number < 256)
        });
    match sloppy {
        true => "must not have leading 0s",
        false => "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
    }
}

/// Requires a valid CIDR block in its canonical form, with no bits set beyond the prefix.
pub(crate) fn validate_cidr(errors: &mut ErrorList, path: &Path, value: &str) {
    let Some((address, length)) = parse_cidr(value) else {
        return errors.invalid(
            path,
            value,
            "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)",
        );
    };
    if masked(address, length) != address {
        return errors.invalid(path, value, "must not have bits set beyond the prefix length");
    }
    let canonical = format!("{address}/{length}");
    if canonical != value {
        errors.invalid(path, value, format!("must be in canonical form ({})", quote(&canonical)));
    }
}

/// Whether a block holds another one and is larger; `None` where one of them is no block.
pub(crate) fn contains_block(outer: &str, inner: &str) -> Option<bool> {
    let ((outer, length), (inner, inner_length)) = (parse_cidr(outer)?, parse_cidr(inner)?);
    let same_family = outer.is_ipv4() == inner.is_ipv4();
    Some(same_family && masked(inner, length) == masked(outer, length) && length < inner_length)
}

fn parse_cidr(value: &str) -> Option<(IpAddr, u32)> {
    let (address, length) = value.split_once('/')?;
    let address: IpAddr = address.parse().ok()?;
    let length: u32 = length.parse().ok()?;
    let max = if address.is_ipv4() { 32 } else { 128 };
    (length <= max).then_some((address, length))
}

fn masked(address: IpAddr, length: u32) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
            IpAddr::V4((v4.to_bits() & mask).into())
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - length).unwrap_or(0);
            IpAddr::V6((v6.to_bits() & mask).into())
        }
    }
}

/// Requires an address that others can reach: not unspecified, loopback or link-local.
///
/// Follows kubernetes `ValidateNonSpecialIP`; text that is no address is somebody else's error.
pub(crate) fn validate_non_special_ip(errors: &mut ErrorList, path: &Path, value: &str) {
    let Ok(address) = value.parse::<IpAddr>() else { return };
    if address.is_unspecified() {
        errors.invalid(path, value, format!("may not be unspecified ({value})"));
    }
    if address.is_loopback() {
        errors.invalid(path, value, "may not be in the loopback range (127.0.0.0/8, ::1/128)");
    }
    let (link_local, link_local_multicast) = match address {
        IpAddr::V4(v4) => (v4.is_link_local(), v4.octets()[..3] == [224, 0, 0]),
        IpAddr::V6(v6) => (v6.is_unicast_link_local(), v6.segments()[0] & 0xff0f == 0xff02),
    };
    if link_local {
        errors.invalid(path, value, "may not be in the link-local range (169.254.0.0/16, fe80::/10)");
    }
    if link_local_multicast {
        errors.invalid(path, value, "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)");
    }
}

/// Whether there is exactly one address (or block) of each IP family at most.
pub(crate) fn one_of_each_family(values: &[String]) -> bool {
    let six = values.iter().filter(|value| value.contains(':')).count();
    six <= 1 && values.len() - six <= 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rule: fn(&mut ErrorList, &Path, &str), value: &str, expected: &str) {
        let mut errors = ErrorList::new();
        rule(&mut errors, &Path::root("ip"), value);
        let details: Vec<&str> = errors.iter().map(|error| error.detail.as_str()).collect();
        assert_eq!(details.join("|"), expected, "{value}");
    }

    #[test]
    fn addresses_should_be_strict_and_canonical() {
        check(validate_ip, "10.0.0.1", "");
        check(validate_ip, "fd00::1", "");
        check(validate_ip, "010.0.0.1", "must not have leading 0s");
        check(validate_ip, "300.0.0.1", "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)");
        check(validate_ip, "FD00::1", "must be in canonical form (\"fd00::1\")");
        check(validate_ip, "::ffff:1.2.3.4", "must not be an IPv4-mapped IPv6 address");
    }

    #[test]
    fn blocks_should_be_strict_and_canonical() {
        check(validate_cidr, "10.244.0.0/24", "");
        check(validate_cidr, "0.0.0.0/0", "");
        check(validate_cidr, "10.244.0.1/24", "must not have bits set beyond the prefix length");
        check(validate_cidr, "x", "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)");
        check(
            validate_cidr,
            "10.0.0.0/33",
            "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)",
        );
    }
}
