//! The workers. Each does a small slice of its work and returns, so that all of them advance on one thread.

use std::time::{Duration, Instant};

use crate::Options;

/// How many square roots one turn computes: some tens of microseconds, well below the clock's resolution of a limit.
const ROOTS_PER_TURN: u32 = 20_000;
/// How much memory one turn touches, in bytes.
const TOUCHED_PER_TURN_BYTES: usize = 1 << 20;

/// The allocator refused a memory hog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutOfMemory;

/// One worker.
#[derive(Debug)]
pub enum Hog {
    /// Computes square roots of a changing number.
    Cpu(u64),
    /// Allocates, touches, waits and frees.
    Memory(Box<MemoryHog>),
}

/// A worker that holds memory.
#[derive(Debug)]
pub struct MemoryHog {
    size: usize,
    stride: usize,
    hang: Option<Duration>,
    keep: bool,
    memory: Vec<u8>,
    /// Up to here the memory was touched in this round.
    touched: usize,
    /// Sleeping before it frees. `None` inside means for ever.
    sleeping: Option<Option<Instant>>,
}

impl Hog {
    /// The workers that the options ask for.
    #[must_use]
    pub fn all(options: &Options) -> Vec<Self> {
        let cpu = (0..options.cpu).map(|worker| Self::Cpu(worker as u64 + 1));
        let memory = (0..options.vm).map(|_| Self::Memory(Box::new(MemoryHog::new(options))));
        cpu.chain(memory).collect()
    }

    /// Does one slice of work. Returns until when this worker has nothing to do, if it sleeps.
    ///
    /// # Errors
    /// When the memory cannot be had.
    pub fn turn(&mut self, now: Instant) -> Result<Option<Instant>, OutOfMemory> {
        match self {
            Self::Cpu(seed) => {
                compute(seed);
                Ok(None)
            }
            Self::Memory(hog) => hog.turn(now),
        }
    }
}

fn compute(seed: &mut u64) {
    let mut sum = 0.0_f64;
    for _ in 0..ROOTS_PER_TURN {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        sum += std::hint::black_box((*seed >> 11) as f64).sqrt();
    }
    std::hint::black_box(sum);
}

/// Later than any timeout: a sleep that does not end.
const FOR_EVER: Duration = Duration::from_secs(86_400 * 365);

impl MemoryHog {
    fn new(options: &Options) -> Self {
        Self {
            size: usize::try_from(options.vm_bytes).unwrap_or(usize::MAX),
            stride: usize::try_from(options.vm_stride_bytes).unwrap_or(usize::MAX),
            hang: options.vm_hang,
            keep: options.vm_keep,
            memory: Vec::new(),
            touched: 0,
            sleeping: None,
        }
    }

    fn turn(&mut self, now: Instant) -> Result<Option<Instant>, OutOfMemory> {
        match self.sleeping {
            Some(None) => return Ok(Some(now + FOR_EVER)),
            Some(Some(until)) if now < until => return Ok(Some(until)),
            Some(Some(_)) => self.free(),
            None => {}
        }
        if self.memory.is_empty() {
            self.allocate()?;
        }
        self.touch();
        if self.touched >= self.size {
            self.finish_round(now);
        }
        Ok(None)
    }

    fn allocate(&mut self) -> Result<(), OutOfMemory> {
        self.memory.try_reserve_exact(self.size).map_err(|_| OutOfMemory)?;
        self.memory.resize(self.size, 0);
        self.touched = 0;
        Ok(())
    }

    fn touch(&mut self) {
        let end = self.touched.saturating_add(TOUCHED_PER_TURN_BYTES).min(self.size);
        for byte in self.memory[self.touched..end].iter_mut().step_by(self.stride) {
            *byte = std::hint::black_box(b'Z');
        }
        self.touched = end;
    }

    fn finish_round(&mut self, now: Instant) {
        match self.hang {
            Some(time) if time.is_zero() => self.sleeping = Some(None),
            Some(time) => self.sleeping = Some(Some(now + time)),
            None => self.free(),
        }
    }

    fn free(&mut self) {
        self.sleeping = None;
        self.touched = 0;
        if !self.keep {
            self.memory = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory_hog(options: Options) -> Hog {
        Hog::all(&Options { vm: 1, ..options }).remove(0)
    }

    #[test]
    fn a_memory_hog_should_sleep_before_it_frees() {
        let hang = Duration::from_secs(1);
        let mut hog = memory_hog(Options { vm_bytes: 3 << 20, vm_hang: Some(hang), ..Options::default() });
        let start = Instant::now();
        for _ in 0..3 {
            assert_eq!(hog.turn(start), Ok(None));
        }
        assert_eq!(hog.turn(start), Ok(Some(start + hang)));
        assert_eq!(hog.turn(start + hang), Ok(None));
    }

    #[test]
    fn a_hang_of_zero_should_last_for_ever() {
        let mut hog =
            memory_hog(Options { vm_bytes: 10, vm_hang: Some(Duration::ZERO), ..Options::default() });
        let start = Instant::now();
        assert_eq!(hog.turn(start), Ok(None));
        let later = start + FOR_EVER / 2;
        assert!(hog.turn(later).unwrap().unwrap() > later);
    }

    #[test]
    fn more_memory_than_there_is_should_be_an_error() {
        let mut hog = memory_hog(Options { vm_bytes: u64::MAX, ..Options::default() });
        assert_eq!(hog.turn(Instant::now()), Err(OutOfMemory));
    }
}
