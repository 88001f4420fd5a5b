//! What the system tells of a process.

use anyhow::{Context, Result};

/// The memory of a process that lies in RAM, where the system tells it as Linux does.
///
/// # Errors
/// When what it tells cannot be read.
pub fn resident_mebibytes(process_id: u32) -> Result<Option<f64>> {
    let Ok(status) = std::fs::read_to_string(format!("/proc/{process_id}/status")) else { return Ok(None) };
    let kibibytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix("kB"));
    Ok(Some(kibibytes.context("no VmRSS")?.trim().parse::<f64>()? / 1024.0))
}
