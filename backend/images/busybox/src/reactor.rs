//! What runs the commands of a pipeline side by side. A guest has neither processes nor threads, so each command is
//! a future, and one loop polls them in turn; when none can go on, it sleeps until the first timer.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// A command under way.
pub type Task<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// The loop's knowledge of what happened since the last turn.
#[derive(Default)]
pub struct Reactor {
    /// Somebody did something that may let others go on.
    progress: Cell<bool>,
    /// The first timer that somebody waits for.
    earliest: Cell<Option<Instant>>,
    /// Somebody waits for the container's stdin.
    wants_stdin: Cell<bool>,
    /// Commands in the background.
    background: RefCell<Vec<Task<'static, ()>>>,
}

impl Reactor {
    /// Says that something changed which others may wait for.
    pub fn note_progress(&self) {
        self.progress.set(true);
    }

    /// Runs a future, and what it starts in the background, until the future is ready. `None` when everybody waits
    /// for everybody.
    pub fn run<T>(&self, mut future: Task<'_, T>) -> Option<T> {
        let mut context = Context::from_waker(Waker::noop());
        loop {
            self.progress.set(false);
            self.earliest.set(None);
            self.wants_stdin.set(false);
            if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
                return Some(value);
            }
            self.poll_background(&mut context);
            match (self.progress.get(), self.earliest.get()) {
                (true, _) => {}
                (false, limit) if self.wants_stdin.get() => stdin::wait(limit),
                (false, Some(time)) => std::thread::sleep(time.saturating_duration_since(Instant::now())),
                (false, None) => return None,
            }
        }
    }

    /// Runs a future in the background from now on.
    pub fn spawn(&self, task: Task<'static, ()>) {
        self.background.borrow_mut().push(task);
        self.note_progress();
    }

    /// Waits.
    pub async fn sleep(&self, time: Duration) {
        // A time beyond the clock's range is for ever.
        let end = Instant::now().checked_add(time);
        poll_fn(|_| match end {
            Some(end) if Instant::now() >= end => Poll::Ready(()),
            _ => {
                self.wake_at(end.unwrap_or_else(|| Instant::now() + Duration::from_secs(3600)));
                Poll::Pending
            }
        })
        .await;
        self.note_progress();
    }

    /// Reads at most `limit` bytes of the container's stdin, while others go on where the system allows it.
    ///
    /// # Errors
    /// Those of the stream.
    pub async fn read_stdin(&self, limit: usize) -> std::io::Result<Vec<u8>> {
        poll_fn(|_| match stdin::try_read(limit) {
            Poll::Pending => {
                self.wants_stdin.set(true);
                Poll::Pending
            }
            ready => ready,
        })
        .await
    }

    /// Lets the others have a turn.
    pub async fn rest(&self) {
        let mut rested = false;
        poll_fn(|_| {
            self.note_progress();
            if std::mem::replace(&mut rested, true) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Waits until a condition holds that others bring about.
    pub async fn until(&self, condition: impl Fn() -> bool) {
        poll_fn(|_| if condition() { Poll::Ready(()) } else { Poll::Pending }).await;
    }

    fn wake_at(&self, time: Instant) {
        self.earliest.set(Some(self.earliest.get().map_or(time, |earliest| earliest.min(time))));
    }

    fn poll_background(&self, context: &mut Context<'_>) {
        // A task may start further ones while it is polled.
        let mut tasks = std::mem::take(&mut *self.background.borrow_mut());
        tasks.retain_mut(|task| {
            let is_pending = task.as_mut().poll(context).is_pending();
            if !is_pending {
                self.note_progress();
            }
            is_pending
        });
        self.background.borrow_mut().splice(0..0, tasks);
    }
}

/// The container's stdin under WASI 0.2, which tells when there is something to read. There is one handle of it, so
/// that no bytes are read ahead into another.
#[cfg(all(target_os = "wasi", target_env = "p2"))]
mod stdin {
    use std::io;
    use std::task::Poll;
    use std::time::Instant;

    use wasip2::cli::stdin::get_stdin;
    use wasip2::clocks::monotonic_clock::subscribe_duration;
    use wasip2::io::poll::poll;
    use wasip2::io::streams::{InputStream, StreamError};

    thread_local! {
        static STDIN: InputStream = get_stdin();
    }

    pub(super) fn try_read(limit: usize) -> Poll<io::Result<Vec<u8>>> {
        match STDIN.with(|stdin| stdin.read(limit as u64)) {
            Ok(bytes) if bytes.is_empty() => Poll::Pending,
            Ok(bytes) => Poll::Ready(Ok(bytes)),
            Err(StreamError::Closed) => Poll::Ready(Ok(Vec::new())),
            Err(StreamError::LastOperationFailed(error)) => {
                Poll::Ready(Err(io::Error::other(error.to_debug_string())))
            }
        }
    }

    /// Waits until there is something to read, or until then.
    pub(super) fn wait(limit: Option<Instant>) {
        let ready = STDIN.with(InputStream::subscribe);
        match limit {
            None => ready.block(),
            Some(limit) => {
                let left = limit.saturating_duration_since(Instant::now()).as_nanos();
                let timer = subscribe_duration(u64::try_from(left).unwrap_or(u64::MAX));
                poll(&[&ready, &timer]);
            }
        }
    }
}

/// Elsewhere, where only tests run, reading waits by itself.
#[cfg(not(all(target_os = "wasi", target_env = "p2")))]
mod stdin {
    use std::io::{self, Read as _};
    use std::task::Poll;
    use std::time::Instant;

    pub(super) fn try_read(limit: usize) -> Poll<io::Result<Vec<u8>>> {
        let mut buffer = vec![0; limit];
        Poll::Ready(io::stdin().lock().read(&mut buffer).map(|count| {
            buffer.truncate(count);
            buffer
        }))
    }

    pub(super) fn wait(_: Option<Instant>) {}
}

/// Runs several futures side by side until all are ready.
pub async fn join<T>(reactor: &Rc<Reactor>, tasks: Vec<Task<'_, T>>) -> Vec<T> {
    let mut slots: Vec<(Option<Task<'_, T>>, Option<T>)> =
        tasks.into_iter().map(|task| (Some(task), None)).collect();
    poll_fn(|context| {
        for (task, value) in &mut slots {
            if let Some(running) = task
                && let Poll::Ready(ready) = running.as_mut().poll(context)
            {
                // Dropping the future closes its ends of pipes, which others may wait for.
                (*task, *value) = (None, Some(ready));
                reactor.note_progress();
            }
        }
        if slots.iter().all(|(task, _)| task.is_none()) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    slots.into_iter().filter_map(|(_, value)| value).collect()
}

/// Runs a future no longer than `limit`; `None` when the time is over first.
pub async fn within<T>(reactor: &Rc<Reactor>, limit: Duration, mut task: Task<'_, T>) -> Option<T> {
    let mut timer: Task<'_, ()> = Box::pin(reactor.sleep(limit));
    poll_fn(|context| {
        if let Poll::Ready(value) = task.as_mut().poll(context) {
            return Poll::Ready(Some(value));
        }
        timer.as_mut().poll(context).map(|()| None)
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_should_sleep_side_by_side() {
        let reactor = Rc::new(Reactor::default());
        let start = Instant::now();
        let nap = || Box::pin(reactor.sleep(Duration::from_millis(50))) as Task<'_, ()>;
        reactor.run(Box::pin(async {
            join(&reactor, vec![nap(), nap(), nap()]).await;
        }));
        assert!(start.elapsed() < Duration::from_millis(120), "{:?}", start.elapsed());
    }

    #[test]
    fn a_deadlock_should_end_the_loop() {
        let reactor = Reactor::default();
        assert!(reactor.run(Box::pin(reactor.until(|| false))).is_none());
    }
}
