//! Clients of emulators on loopback. They must not know any release.

/// A client of an SDK crate that talks to an emulator, as the account of the fakes.
macro_rules! client_at {
    ($sdk:ident, $endpoint:expr) => {{
        use tidegate_aws::sdk::$sdk::{Client, Config, config};
        let credentials =
            config::Credentials::new(tidegate_aws::fakes::ACCOUNT, "fake", None, None, "scenarios");
        Client::from_conf(
            Config::builder()
                .behavior_version(config::BehaviorVersion::v2026_01_12())
                .region(config::Region::new(tidegate_aws::fakes::REGION))
                .credentials_provider(credentials)
                .endpoint_url($endpoint)
                .http_client(tidegate_aws::loopback::client())
                .build(),
        )
    }};
}
pub(crate) use client_at;
