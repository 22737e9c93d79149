//! Fakes of services behind sockets on loopback, since a process is no test of its own.
//!
//! A service's time begins as the process's does, and may pass several times as fast. Each connection is for
//! one request. All of it ends with the test.

use std::{
    io,
    net::{SocketAddr, TcpListener as Listener},
    process::Command,
    sync::{
        Mutex,
        mpsc::{Receiver, channel},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant, SystemTime},
};

use tidegate_aws::fakes::{FIRST_DAY, Fake, Fault, Reply, Request, Service, When};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime::Builder,
    sync::oneshot,
};

/// No request of these services is so large.
const MAX_BYTES: usize = 1 << 20;

/// What is written after a rollout's first gate, by any service.
const LATER_WRITES: [&str; 12] = [
    "ContinueDeployment",
    "ContinueServiceDeployment",
    "DeleteTaskSet",
    "ModifyListener",
    "ModifyRule",
    "StopDeployment",
    "StopServiceDeployment",
    "UpdateAlias",
    "UpdateRoute",
    "UpdateRule",
    "UpdateServicePrimaryTaskSet",
    "UpdateTaskSet",
];

/// A fake of one service, and the address it is served at.
pub(super) struct Served<S> {
    pub(super) fake: Fake<S>,
    clock: Clock,
    address: SocketAddr,
    crashed: Mutex<Option<Receiver<()>>>,
    /// Dropped, it ends the thread.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl<S: Service> Served<S> {
    /// A service in this state, whose time passes so many times as fast.
    pub(super) fn new(state: S, speed: u32) -> Self {
        let fake = Fake::new(state);
        let listener = Listener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (served, clock) = (fake.clone(), Clock::new(speed));
        let (stop, stopped) = oneshot::channel::<()>();
        let (crash, crashed) = channel();
        let thread = thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let crashes = served.clone();
                tokio::spawn(async move {
                    crashes.crashed().await;
                    // Nobody has to wait for it.
                    let _ = crash.send(());
                });
                tokio::select! {
                    _ = stopped => {}
                    () = accept(listener, served, clock) => {}
                }
            });
        });
        let (stop, thread) = (Some(stop), Some(thread));
        Self { fake, clock, address, crashed: Mutex::new(Some(crashed)), stop, thread }
    }

    /// The service's time.
    pub(super) fn now(&self) -> Duration {
        self.clock.now()
    }
}

impl<S> Served<S> {
    /// Nobody is at its address any more.
    pub(super) fn leave(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // What went wrong in there has failed the test by its missing answer.
            let _ = thread.join();
        }
    }
}

impl<S> Drop for Served<S> {
    fn drop(&mut self) {
        self.leave();
    }
}

/// One service behind a run, whichever it is.
pub(super) trait Behind {
    /// The variable that names its address, and the address.
    fn endpoint(&self) -> (&'static str, String);
    /// Every write so far, in order, and whether it was carried out.
    fn writes(&self) -> Vec<(String, bool)>;
    /// The `nth` request of an operation ends the process that sent it.
    fn crash_at(&self, operation: &'static str, nth: u32, after: bool);
    /// Kills a process, as `kill -9` does, when its request was to end it.
    fn kill_on_crash(&self, process: u32);
    /// From now on every write is refused for good.
    fn refuse(&self);
    /// Nothing is refused any more.
    fn heal(&self);
}

impl<S: Service> Behind for Served<S> {
    fn endpoint(&self) -> (&'static str, String) {
        let variable = match S::MODEL {
            "appmesh" => "AWS_ENDPOINT_URL_APP_MESH",
            "cloudwatch" => "AWS_ENDPOINT_URL_CLOUDWATCH",
            "codedeploy" => "AWS_ENDPOINT_URL_CODEDEPLOY",
            "ecs" => "AWS_ENDPOINT_URL_ECS",
            "elbv2" => "AWS_ENDPOINT_URL_ELASTIC_LOAD_BALANCING_V2",
            "lambda" => "AWS_ENDPOINT_URL_LAMBDA",
            "vpc-lattice" => "AWS_ENDPOINT_URL_VPC_LATTICE",
            other => panic!("no run asks for {other}"),
        };
        (variable, format!("http://{}", self.address))
    }

    fn writes(&self) -> Vec<(String, bool)> {
        let log = self.fake.log().into_iter().map(|asked| (asked.operation, asked.carried_out));
        log.filter(|(operation, _)| S::writes(operation)).collect()
    }

    fn crash_at(&self, operation: &'static str, nth: u32, after: bool) {
        self.fake.fault(operation, When::Nth(nth), Fault::Crash { after });
    }

    fn kill_on_crash(&self, process: u32) {
        // There is one crash in a test, and it is the first process's.
        let Some(crashed) = self.crashed.lock().unwrap().take() else { return };
        // Ends with the service at the latest.
        thread::spawn(move || {
            if crashed.recv().is_ok() {
                Command::new("kill").args(["-KILL", &process.to_string()]).status().unwrap();
            }
        });
    }

    fn refuse(&self) {
        for operation in LATER_WRITES {
            let sent = self.fake.log().iter().filter(|one| one.operation == operation).count();
            let next = u32::try_from(sent).unwrap() + 1;
            self.fake.fault(operation, When::From(next), Fault::Denied);
        }
    }

    fn heal(&self) {
        self.fake.heal();
    }
}

/// The time of a service: the process's at first, then so many times as fast.
#[derive(Clone, Copy)]
struct Clock {
    first: Duration,
    began: Instant,
    speed: u32,
}

impl Clock {
    fn new(speed: u32) -> Self {
        let first_day = SystemTime::UNIX_EPOCH + Duration::from_secs(FIRST_DAY);
        let first = SystemTime::now().duration_since(first_day).unwrap();
        Self { first, began: Instant::now(), speed }
    }

    fn now(self) -> Duration {
        self.first + self.began.elapsed() * self.speed
    }
}

async fn accept<S: Service>(listener: Listener, fake: Fake<S>, clock: Clock) {
    let listener = TcpListener::from_std(listener).unwrap();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let fake = fake.clone();
        tokio::spawn(async move {
            // A process that was killed leaves its connections as they are.
            let _ = exchange(stream, &fake, clock).await;
        });
    }
}

/// One request and its answer, in HTTP/1.1.
async fn exchange<S: Service>(
    mut stream: TcpStream,
    fake: &Fake<S>,
    clock: Clock,
) -> io::Result<()> {
    let Some(request) = received(&mut stream, clock).await? else { return Ok(()) };
    if let Some(Reply { status, headers, body }) = fake.deliver(request).await {
        let mut head = format!("HTTP/1.1 {status} \r\ncontent-length: {}\r\n", body.len());
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        stream.write_all(format!("{head}connection: close\r\n\r\n").as_bytes()).await?;
        stream.write_all(&body).await?;
    }
    stream.shutdown().await
}

/// None from a connection that nothing was sent on.
async fn received(stream: &mut TcpStream, clock: Clock) -> io::Result<Option<Request>> {
    let mut bytes = Vec::new();
    while bytes.len() < MAX_BYTES {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
        if let Some(request) = parsed(&bytes, clock) {
            return Ok(Some(request));
        }
    }
    Err(io::Error::other("a request without an end"))
}

/// A request that is whole.
fn parsed(bytes: &[u8], clock: Clock) -> Option<Request> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).unwrap();
    let (first, rest) = head.split_once("\r\n").unwrap_or((head, ""));
    let mut words = first.split(' ');
    let mut request = Request::to(words.next()?, words.next()?, clock.now());
    let headers = rest.split("\r\n").filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()));
    request.headers = headers.collect();
    let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
    let body = &bytes[end + 4..];
    request.body = body.get(..length)?.to_vec();
    Some(request)
}
