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
            if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
                return Some(value);
            }
            self.poll_background(&mut context);
            match (self.progress.get(), self.earliest.get()) {
                (true, _) => {}
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
