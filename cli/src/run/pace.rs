//! How fast time passes: as it does, or several times as fast for a simulated world.
//!
//! Must not know what runs.

use std::{convert::Infallible, io, thread, time::Duration};

use tokio::{runtime, sync::mpsc, task, time};

/// How much real time lies between two steps of a faster time. Short beside any time limit, at any speed
/// that is allowed.
const TICK: Duration = Duration::from_millis(2);

/// Runs a future to its end on a runtime whose time passes `speed` times as fast as real time, or more
/// slowly where the host is busy.
///
/// # Errors
/// When there is no runtime to be had.
pub(crate) fn block_on<F: Future>(speed: u32, future: F) -> io::Result<F::Output> {
    let mut builder = runtime::Builder::new_current_thread();
    builder.enable_all().start_paused(speed != 1);
    Ok(builder.build()?.block_on(async {
        tokio::select! {
            output = future => output,
            never = quicken(speed) => match never {},
        }
    }))
}

/// Moves paused time on, one step for each tick of real time. Never ends.
async fn quicken(speed: u32) -> Infallible {
    let (tick, mut ticks) = mpsc::channel(1);
    if speed != 1 {
        // While a blocking task runs, paused time does not move on by itself.
        task::spawn_blocking(move || {
            while tick.blocking_send(()).is_ok() {
                thread::sleep(TICK);
            }
        });
        while ticks.recv().await.is_some() {
            time::advance(TICK * speed).await;
        }
    }
    std::future::pending().await
}
