//! AppSpec files: what is written is read back, and a file is refused for each rule it breaks.

use tidegate_aws::appspec::{
    AppSpec, EcsEvent, EcsSpec, FileExists, LambdaEvent, LambdaSpec, Network, Os, Permission,
    Script, ServerEvent, ServerSpec,
};

/// The file of a published guide: a model released to servers, with two hooks of five minutes.
const MODEL: &str = "version: 0.0
os: linux
files:
  - source: /model.zip
    destination: /var/www/model
hooks:
  AfterInstall:
    - location: scripts/start_service.sh
      timeout: 300
  BeforeInstall:
    - location: scripts/setup_environment.sh
      timeout: 300
";

const SERVICE: &str = "version: 0.0
Resources:
  - TargetService:
      Type: AWS::ECS::Service
      Properties:
        TaskDefinition: arn:aws:ecs:eu-central-1:123456789012:task-definition/checkout:7
        LoadBalancerInfo: { ContainerName: web, ContainerPort: 8080 }
Hooks:
  - AfterAllowTestTraffic: smoke-test
";

const FUNCTION: &str = "version: 0.0
Resources:
  - checkout:
      Type: AWS::Lambda::Function
      Properties: { Name: checkout, Alias: live, CurrentVersion: 1, TargetVersion: \"2\" }
Hooks:
  - BeforeAllowTraffic: arn:aws:lambda:eu-central-1:123456789012:function:check
";

fn refused(text: &str) -> String {
    text.parse::<AppSpec>().unwrap_err().to_string()
}

/// A file with one part of it exchanged.
fn with(file: &str, from: &str, to: &str) -> String {
    assert!(file.contains(from), "{from}");
    file.replacen(from, to, 1)
}

#[test]
fn a_published_file_is_read_with_its_hooks_in_the_order_of_the_lifecycle() {
    let AppSpec::Server(spec) = MODEL.parse().unwrap() else { unreachable!("it names an os") };
    let script = |location| Script::new(location).within(300);
    let wanted = ServerSpec::new(Os::Linux)
        .file("/model.zip", "/var/www/model")
        .run(ServerEvent::BeforeInstall, script("scripts/setup_environment.sh"))
        .run(ServerEvent::AfterInstall, script("scripts/start_service.sh"));
    assert_eq!(spec, wanted);
}

#[test]
fn what_is_built_and_written_is_read_back_whole() {
    let permission = Permission {
        object: "/var/www".to_owned(),
        pattern: Some("**".to_owned()),
        except: vec!["secret".to_owned()],
        owner: Some("www".to_owned()),
        mode: Some("0640".to_owned()),
        types: vec!["file".to_owned()],
        ..Permission::default()
    };
    let server = ServerSpec::new(Os::Linux)
        .file("/", "/srv")
        .file_exists(FileExists::Overwrite)
        .permission(permission)
        .run(ServerEvent::ValidateService, Script::new("check.sh").within(60));
    let network = Network {
        subnets: vec!["subnet-1".to_owned()],
        security_groups: vec!["sg-1".to_owned()],
        public_ip: true,
    };
    let ecs = EcsSpec::new("checkout:7", "web", 8080).call(EcsEvent::AfterInstall, "check");
    let ecs = EcsSpec { network: Some(network), platform_version: Some("1.4.0".to_owned()), ..ecs };
    let lambda = LambdaSpec::new("checkout", "live", "1", "2");
    let lambda = lambda.call(LambdaEvent::AfterAllowTraffic, "check");
    for built in [server.build(), ecs.build(), lambda.build()] {
        let built = built.unwrap();
        let read: AppSpec = built.to_json().parse().unwrap();
        assert_eq!(read, built);
        assert_eq!(read.sha256(), built.sha256());
    }
    for file in [MODEL, SERVICE, FUNCTION] {
        let spec: AppSpec = file.parse().unwrap();
        assert_eq!(spec.to_json().parse::<AppSpec>().unwrap(), spec);
    }
}

#[test]
fn the_digest_is_that_of_the_text() {
    // As `sha256sum` says of the same bytes.
    let wanted = "dd34f91dd573d49900aaf5f7e55027f1ee07cf49c1880c04e265c0ddcc8bc327";
    let spec = LambdaSpec::new("checkout", "live", "1", "2").build().unwrap();
    assert_eq!(spec.sha256(), wanted, "{}", spec.to_json());
    let other = LambdaSpec::new("checkout", "live", "1", "3").build().unwrap();
    assert_ne!(spec.sha256(), other.sha256());
}

#[test]
fn a_server_s_file_is_refused_for_each_rule() {
    let rows = [
        (with(MODEL, "0.0", "0.1"), "version is 0.1"),
        (with(MODEL, "version: 0.0\n", ""), "version"),
        (with(MODEL, "os: linux", "os: beos"), "os is \"beos\"; expected one of linux, windows"),
        (with(MODEL, "os: linux\n", ""), "os (or Resources) is missing"),
        (with(MODEL, "files:", "flies:"), "flies"),
        (with(MODEL, "    destination: /var/www/model\n", ""), "destination"),
        (with(MODEL, "/var/www/model", "var/www"), "files[0].destination is not an absolute path"),
        (with(MODEL, "/model.zip", "../model.zip"), "files[0].source leads out of the revision"),
        (with(MODEL, "/model.zip", "\"\""), "files[0].source is empty"),
        (with(MODEL, "BeforeInstall", "AllowTraffic"), "expected one of BeforeBlockTraffic"),
        (with(MODEL, "BeforeInstall", "AfterInstall"), "AfterInstall"),
        (with(MODEL, "timeout: 300", "timeout: 3601"), "hooks.AfterInstall[0].timeout takes 1 to"),
        (with(MODEL, "timeout: 300", "timeout: 0"), "hooks.AfterInstall[0].timeout takes 1 to"),
        (with(MODEL, "timeout: 300", "timeout: 5m"), "line 9, column 16"),
        (with(MODEL, "scripts/start", "../start"), "hooks.AfterInstall[0].location leads out"),
        (with(MODEL, "      timeout: 300\n  B", "      retries: 3\n  B"), "retries"),
        (with(MODEL, "hooks:", "Hooks: []\nhooks:"), "Hooks does not belong"),
        (with(MODEL, "hooks:", "file_exists_behavior: KEEP\nhooks:"), "expected one of DISALLOW"),
        ("version: 0.0\nos: linux\n".to_owned(), "copies nothing and runs nothing"),
        ("version: 0.0\nos: [".to_owned(), "line"),
        (
            with(MODEL, "os: linux", "os: windows"),
            "files[0].destination is not an absolute path",
        ),
        (
            with(MODEL, "hooks:", "permissions: [{ object: srv }]\nhooks:"),
            "permissions[0].object is not an absolute path",
        ),
        (
            with(MODEL, "hooks:", "permissions: [{ object: /srv, mode: 988 }]\nhooks:"),
            "permissions[0].mode is not a mode",
        ),
        (
            with(MODEL, "hooks:", "permissions: [{ object: /srv, type: [link] }]\nhooks:"),
            "permissions[0].type is neither",
        ),
        (
            "version: 0.0\nos: windows\nfiles: [{ source: /, destination: 'C:\\srv' }]\n\
             permissions: [{ object: /srv }]\n"
                .to_owned(),
            "permissions is for Linux only",
        ),
        (
            "version: 0.0\nos: windows\nhooks: { AfterInstall: [{ location: a, runas: me }] }\n"
                .to_owned(),
            "hooks.AfterInstall[0].runas is for Linux only",
        ),
        (
            "version: 0.0\nos: linux\nhooks: { AfterInstall: [] }\n".to_owned(),
            "hooks.AfterInstall has no script",
        ),
        (
            "version: 0.0\nos: linux\nhooks:\n  AfterInstall:\n    - { location: a, timeout: 1801 }\n    \
             - { location: b, timeout: 1800 }\n"
                .to_owned(),
            "its scripts may take 3601 seconds together",
        ),
    ];
    for (file, wanted) in rows {
        let told = refused(&file);
        assert!(told.contains(wanted), "{told}\n--- expected {wanted:?} of\n{file}");
    }
}

#[test]
fn a_service_s_and_a_function_s_file_are_refused_for_each_rule() {
    let rows = [
        (with(SERVICE, "AWS::ECS::Service", "AWS::ECS::Task"), "expected one of AWS::ECS::Service"),
        (with(SERVICE, "/checkout:7", "/checkout"), "is no task definition"),
        (with(SERVICE, "ContainerName: web", "ContainerName: ''"), "ContainerName is empty"),
        (with(SERVICE, "8080", "0"), "ContainerPort is not a port"),
        (with(SERVICE, "8080", "80800"), "line"),
        (with(SERVICE, "Hooks:", "os: linux\nHooks:"), "os does not belong"),
        (with(SERVICE, "AfterAllowTestTraffic", "AllowTraffic"), "expected one of BeforeInstall"),
        (
            format!("{SERVICE}  - AfterAllowTestTraffic: again\n"),
            "AfterAllowTestTraffic is there twice",
        ),
        (with(SERVICE, "smoke-test", "''"), "Hooks.AfterAllowTestTraffic is empty"),
        ("version: 0.0\nResources: []\n".to_owned(), "Resources has 0 entries"),
        (with(FUNCTION, "Alias: live, ", ""), "Alias is missing"),
        (
            with(FUNCTION, "Alias: live", "TaskDefinition: a, Alias: live"),
            "TaskDefinition does not belong",
        ),
        (with(FUNCTION, "CurrentVersion: 1", "CurrentVersion: $LATEST"), "is no published version"),
        (with(FUNCTION, "\"2\"", "1"), "is the current version already"),
        (
            with(FUNCTION, "BeforeAllowTraffic", "AfterInstall"),
            "expected one of BeforeAllowTraffic",
        ),
    ];
    for (file, wanted) in rows {
        let told = refused(&file);
        assert!(told.contains(wanted), "{told}\n--- expected {wanted:?} of\n{file}");
    }
}

#[test]
fn a_builder_is_told_every_rule_it_breaks_at_once() {
    let broken = LambdaSpec::new("checkout", "", "$LATEST", "$LATEST").build().unwrap_err();
    let told: Vec<_> = broken.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 4, "{told:#?}");
}
