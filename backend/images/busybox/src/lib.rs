//! Placeholder
/// The commands.
pub const COMMANDS: &[&str] = &["sh", "echo", "env", "sleep", "busybox"];
