//! Why a command is refused, in the words of Redis' `server.c`, `object.c` and `networking.c`, which clients know.

use std::borrow::Cow;

use crate::resp::Reply;

/// A refusal, its first word in capitals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault(pub Cow<'static, str>);

/// What a command answers.
pub type Answer = Result<Reply, Fault>;

impl Fault {
    /// A list was asked for, and the key holds something else.
    pub const WRONG_TYPE: Self = said("WRONGTYPE Operation against a key holding the wrong kind of value");
    /// An argument is not where it should be.
    pub const SYNTAX: Self = said("ERR syntax error");
    /// Not a whole number.
    pub const NOT_INTEGER: Self = said("ERR value is not an integer or out of range");
    /// Not a number.
    pub const NOT_FLOAT: Self = said("ERR value is not a valid float");
    /// The key is not there.
    pub const NO_KEY: Self = said("ERR no such key");
    /// The sum has no place in 64 bits.
    pub const OVERFLOW: Self = said("ERR increment or decrement would overflow");
    /// The sum is no number.
    pub const NOT_A_NUMBER: Self = said("ERR increment would produce NaN or Infinity");
    /// A count below 0.
    pub const NOT_POSITIVE: Self = said("ERR value is out of range, must be positive");
    /// More than a value can hold.
    pub const TOO_LONG: Self = said("ERR string exceeds maximum allowed size (proto-max-bulk-len)");

    /// The arguments are too many or too few.
    #[must_use]
    pub fn arity(command: &str) -> Self {
        Self(format!("ERR wrong number of arguments for '{command}' command").into())
    }

    /// The time to live is none.
    #[must_use]
    pub fn expire_time(command: &str) -> Self {
        Self(format!("ERR invalid expire time in '{command}' command").into())
    }
}

/// A refusal in these words.
#[must_use]
pub const fn said(text: &'static str) -> Fault {
    Fault(Cow::Borrowed(text))
}
