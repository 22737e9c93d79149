//! `tidegate run` over AWS's protocols: a Lambda alias of an emulator, whole processes, killed and started
//! again.
//!
//! `.ci/emulators` starts the emulator; without it these tests are left out.

use std::{
    env,
    io::{Read, Write},
    net::TcpStream,
    process::Command,
};

use serde_json::{Value, json};

use crate::{
    code, repository, stderr, stdout,
    world::{Place, Running},
};

/// A function with two versions and an alias on the first.
struct Function {
    endpoint: String,
    name: String,
}

impl Function {
    fn new(name: &str) -> Self {
        let endpoint = env::var("TIDEGATE_MINISTACK").unwrap_or_else(|_| {
            panic!("TIDEGATE_MINISTACK is not set: start the emulators with .ci/emulators")
        });
        let function = Self { endpoint, name: name.to_owned() };
        // The end of a central directory: an archive without a file ("APPNOTE" 4.3.16), in base 64.
        let archive = "UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA==";
        function.call(
            "POST",
            "",
            &json!({
                "FunctionName": name, "Runtime": "python3.12", "Handler": "main.handle",
                "Role": "arn:aws:iam::123456789012:role/checkout", "Code": { "ZipFile": archive },
            }),
        );
        for version in ["the first", "the second"] {
            function.call(
                "PUT",
                &format!("/{name}/configuration"),
                &json!({ "Description": version }),
            );
            function.call("POST", &format!("/{name}/versions"), &json!({ "Description": version }));
        }
        function.call(
            "POST",
            &format!("/{name}/aliases"),
            &json!({ "Name": "live", "FunctionVersion": "1" }),
        );
        function.becomes_active("2");
        function
    }

    /// New versions are pending for a moment, as they are on AWS.
    fn becomes_active(&self, version: &str) {
        let path = format!("/{}/configuration?Qualifier={version}", self.name);
        let active = |_| self.call("GET", &path, &Value::Null)["State"] == "Active";
        assert!((0..10_000).any(active), "version {version} never becomes active");
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let body = if method == "GET" { String::new() } else { body.to_string() };
        let path = format!("/2015-03-31/functions{path}");
        let answer = sent(&self.endpoint, "lambda", "json", &format!("{method} {path}"), &body);
        serde_json::from_str(&answer).unwrap()
    }

    /// The alias's version, and the one beside it with its share.
    fn live(&self) -> (Value, Value) {
        let alias = self.call("GET", &format!("/{}/aliases/live", self.name), &Value::Null);
        let beside = alias["RoutingConfig"]["AdditionalVersionWeights"].clone();
        (alias["FunctionVersion"].clone(), beside)
    }

    /// A plan for it, in a folder of its own.
    fn place(&self) -> Place {
        self.place_of("alias.yaml")
    }

    fn place_of(&self, plan: &str) -> Place {
        let place = Place::new();
        let plan = repository().join("cli/tests/adapters").join(plan);
        let plan = std::fs::read_to_string(plan).unwrap();
        let plan = plan.replace("function: checkout", &format!("function: {}", self.name));
        std::fs::write(place.path("alias.yaml"), plan).unwrap();
        place
    }

    fn command(&self, place: &Place, line: &str) -> Command {
        let mut command = place.command(line);
        command
            .env("AWS_ENDPOINT_URL", &self.endpoint)
            .env("AWS_REGION", "eu-central-1")
            .env("AWS_ACCESS_KEY_ID", "fake")
            .env("AWS_SECRET_ACCESS_KEY", "fake");
        command
    }

    fn run(&self, place: &Place) -> Running {
        Running::of(&mut self.command(place, "run alias.yaml --stable 1 --candidate 2"))
    }
}

/// One exchange with a service of the emulator; gives the body of what it answers.
fn sent(endpoint: &str, service: &str, form: &str, asked: &str, body: &str) -> String {
    let host = endpoint.trim_start_matches("http://");
    let mut stream = TcpStream::connect(host).unwrap();
    let scope = format!(
        "AWS4-HMAC-SHA256 Credential=123456789012/20261121/eu-central-1/{service}/aws4_request"
    );
    write!(
        stream,
        "{asked} HTTP/1.0\r\nhost: {host}\r\ncontent-length: {}\r\ncontent-type: application/{form}\r\n\
         authorization: {scope}, SignedHeaders=host, Signature=0\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, told) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(" 20"), "{asked} {body}: {answer}");
    told.to_owned()
}

/// An operation of a service that takes forms.
fn posted(endpoint: &str, service: &str, form: &str) {
    sent(endpoint, service, "x-www-form-urlencoded", "POST /", form);
}

/// The alarm of the guarded plan, in this state.
fn alarm(endpoint: &str, state: &str) {
    let form = format!("AlarmName=checkout-down&StateValue={state}&StateReason=test");
    posted(endpoint, "monitoring", &format!("Action=SetAlarmState&{form}"));
}

#[test]
#[ignore = "needs an emulator: see .ci/emulators"]
fn a_run_guarded_by_an_alarm_goes_back_when_it_fires_and_is_not_begun_while_it_does() {
    let function = Function::new("run-guarded");
    let endpoint = function.endpoint.as_str();
    posted(endpoint, "sns", "Action=CreateTopic&Name=decisions");
    let of = "Namespace=Shop&MetricName=Absent&Statistic=Sum&Period=60&EvaluationPeriods=1";
    let than = "Threshold=0&ComparisonOperator=GreaterThanThreshold";
    let alarmed = format!("Action=PutMetricAlarm&AlarmName=checkout-down&{of}&{than}");
    posted(endpoint, "monitoring", &alarmed);
    alarm(endpoint, "OK");
    let place = function.place_of("guarded.yaml");
    let mut run = function.run(&place);
    // The emulator's times are whole seconds, and an alarm of the second in which the rollout was opened
    // may have fired before.
    run.until("50 %");
    alarm(endpoint, "ALARM");
    let (code_of_run, printed) = run.end();
    assert_eq!((code_of_run, printed.contains("rolled back")), (1, true), "{printed}");
    assert_eq!(function.live().0, "1");
    let line = "preflight alias.yaml --stable 1 --candidate 2";
    let output = function.command(&place, line).output().unwrap();
    assert_eq!(code(&output), 1, "{}{}", stdout(&output), stderr(&output));
    let told = stdout(&output);
    assert!(told.contains("not at rest: alarm checkout-down fires already"), "{told}");
}

#[test]
#[ignore = "needs an emulator: see .ci/emulators"]
fn a_topic_that_is_not_there_fails_no_run_and_is_told_at_its_end() {
    let function = Function::new("run-untold");
    let place = function.place();
    let plan = place.path("alias.yaml");
    let nowhere = "  observers: [{ topic: \"arn:aws:sns:eu-central-1:123456789012:nowhere\" }]\n";
    std::fs::write(&plan, std::fs::read_to_string(&plan).unwrap() + nowhere).unwrap();
    let mut run = function.run(&place);
    run.until("observers were not told of");
    let (code, printed) = run.end();
    assert_eq!((code, printed.contains("completed")), (0, true), "{printed}");
}

#[test]
#[ignore = "needs an emulator: see .ci/emulators"]
fn a_run_killed_at_every_step_goes_on_and_completes() {
    let function = Function::new("run-killed");
    let place = function.place();
    for told in ["was opened", "10 %", "50 %", "100 %"] {
        let mut run = function.run(&place);
        run.until(told);
        run.kill();
    }
    let (code, printed) = function.run(&place).end();
    assert_eq!((code, printed.contains("completed")), (0, true), "{printed}");
    assert_eq!(function.live().0, "2");
}

#[test]
#[ignore = "needs an emulator: see .ci/emulators"]
fn an_aborted_run_gives_the_alias_back_and_ends_with_1() {
    let function = Function::new("run-aborted");
    let place = function.place();
    let mut run = function.run(&place);
    run.until("10 %");
    assert_eq!(code(&place.tidegate("abort 1 --reason no")), 0);
    let (code, printed) = run.end();
    assert_eq!((code, printed.contains("rolled back")), (1, true), "{printed}");
    assert_eq!(function.live().0, "1");
}

#[test]
#[ignore = "needs an emulator: see .ci/emulators"]
fn what_is_in_the_way_is_listed_and_nothing_is_begun() {
    let function = Function::new("run-in-the-way");
    let place = function.place();
    let line = "--stable 1 --candidate 7";
    let output =
        function.command(&place, &format!("preflight alias.yaml {line}")).output().unwrap();
    assert_eq!(code(&output), 1, "{}{}", stdout(&output), stderr(&output));
    assert!(stdout(&output).contains("missing: version 7"), "{}", stdout(&output));
    let output = function.command(&place, &format!("run alias.yaml {line}")).output().unwrap();
    assert_eq!(code(&output), 64, "{}{}", stdout(&output), stderr(&output));
    assert!(stderr(&output).contains("nothing was begun"), "{}", stderr(&output));
    let clear = function.command(&place, "preflight alias.yaml --stable 1 --candidate 2");
    let clear = { clear }.output().unwrap();
    assert_eq!(code(&clear), 0, "{}{}", stdout(&clear), stderr(&clear));
    assert_eq!(function.live().0, "1");
}

#[test]
#[ignore = "needs an emulator: see .ci/emulators"]
fn a_service_that_can_not_be_reached_ends_a_run_with_74() {
    let function = Function::new("run-unreachable");
    let place = function.place();
    let mut command = function.command(&place, "run alias.yaml --stable 1 --candidate 2");
    // Nobody listens on the port of discarded packets.
    let output = command.env("AWS_ENDPOINT_URL_LAMBDA", "http://127.0.0.1:9").output().unwrap();
    assert_eq!(code(&output), 74, "{}{}", stdout(&output), stderr(&output));
}
