//! One account in one Region: credentials, clients, buckets.

use super::{
    api::{self, Api},
    bucket::Bucket,
    config::AwsSource,
};
use crate::collect::{Advice, Failure};
use aws_config::{BehaviorVersion, Region, SdkConfig, sts::AssumeRoleProvider};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_types::{retry::RetryConfig, timeout::TimeoutConfig};
use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{sync::RwLock, time::Instant};

/// The clients of one set of credentials.
#[derive(Debug, Clone)]
pub struct Clients {
    /// Step Functions.
    pub sfn: aws_sdk_sfn::Client,
    /// CloudWatch Logs.
    pub logs: aws_sdk_cloudwatchlogs::Client,
    /// Lambda.
    pub lambda: aws_sdk_lambda::Client,
    /// ECS.
    pub ecs: aws_sdk_ecs::Client,
    /// Batch.
    pub batch: aws_sdk_batch::Client,
    /// X-Ray.
    pub xray: aws_sdk_xray::Client,
    /// SQS.
    pub sqs: aws_sdk_sqs::Client,
    /// Security Token Service.
    pub sts: aws_sdk_sts::Client,
}

impl Clients {
    fn new(config: &SdkConfig) -> Self {
        Clients {
            sfn: aws_sdk_sfn::Client::new(config),
            logs: aws_sdk_cloudwatchlogs::Client::new(config),
            lambda: aws_sdk_lambda::Client::new(config),
            ecs: aws_sdk_ecs::Client::new(config),
            batch: aws_sdk_batch::Client::new(config),
            xray: aws_sdk_xray::Client::new(config),
            sqs: aws_sdk_sqs::Client::new(config),
            sts: aws_sdk_sts::Client::new(config),
        }
    }
}

/// One account in one Region, shared by the collectors of its parts, so that they share its quotas.
#[derive(Debug)]
pub struct Session {
    /// What was configured.
    pub source: AwsSource,
    /// The Region.
    pub region: String,
    clients: RwLock<(u64, Clients)>,
    buckets: HashMap<&'static str, Bucket>,
    /// Whether anybody has answered yet: then what cannot be reached once is a passing trouble.
    answered: AtomicBool,
    /// Log groups that are read because the quota for histories cannot keep up.
    read_too: Mutex<BTreeSet<String>>,
}

impl Session {
    /// Opens one session for each Region of a source. Nothing is asked of AWS, except for credentials.
    ///
    /// # Errors
    /// When no Region is known.
    pub async fn open(source: &AwsSource) -> Result<Vec<Arc<Session>>, Failure> {
        let mut regions: Vec<Option<String>> = source.regions.iter().cloned().map(Some).collect();
        if regions.is_empty() {
            regions.push(None);
        }
        let mut sessions = Vec::new();
        for region in regions {
            sessions.push(Arc::new(Session::open_in(source, region).await?));
        }
        Ok(sessions)
    }

    async fn open_in(source: &AwsSource, region: Option<String>) -> Result<Session, Failure> {
        let config = load(source, region).await;
        let Some(region) = config.region().map(ToString::to_string) else {
            return Err(Failure::new(
                Advice::Change,
                format!("no Region is known for the source '{}'", source.name),
                "say regions = [\"eu-west-1\"] in its [[collect]] table, --region, or AWS_REGION",
            ));
        };
        let now = Instant::now();
        let bucket = |api: &&'static Api| {
            let mut quota = api.quota(&region);
            if let Some(per_s) = source.quotas.get(api.action) {
                quota.burst *= per_s / quota.per_s;
                quota.per_s = *per_s;
            }
            (
                api.action,
                Bucket::new(quota.share(source.quota_share), now),
            )
        };
        Ok(Session {
            source: source.clone(),
            buckets: api::ALL.iter().map(bucket).collect(),
            clients: RwLock::new((0, Clients::new(&config))),
            region,
            answered: AtomicBool::new(false),
            read_too: Mutex::default(),
        })
    }

    /// The clients, and how often they were renewed.
    pub async fn clients(&self) -> (u64, Clients) {
        self.clients.read().await.clone()
    }

    /// Reads credentials anew, if nobody has since `age`.
    pub async fn renew(&self, age: u64) {
        let mut clients = self.clients.write().await;
        if clients.0 == age {
            let config = load(&self.source, Some(self.region.clone())).await;
            *clients = (age + 1, Clients::new(&config));
        }
    }

    /// Somebody has answered.
    pub fn note_answer(&self) {
        self.answered.store(true, Ordering::Relaxed);
    }

    /// Somebody waits for the end, and nobody has answered yet.
    pub fn is_hurried(&self) -> bool {
        self.source.hurried && !self.answered.load(Ordering::Relaxed)
    }

    /// Says which log groups are read because the quota for histories cannot keep up.
    pub fn read_too(&self, groups: BTreeSet<String>) {
        *self.read_too.lock().unwrap_or_else(PoisonError::into_inner) = groups;
    }

    /// Log groups that are read because the quota for histories cannot keep up.
    pub fn also_read(&self) -> BTreeSet<String> {
        let groups = self.read_too.lock();
        groups.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Where credentials are looked for, in words.
    pub fn looked_in(&self) -> String {
        let named = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
        let profile = self.source.profile.clone().or_else(|| named("AWS_PROFILE"));
        let profile = profile.as_deref().unwrap_or("default");
        let role = match &self.source.assume_role {
            Some(role) => format!(" (to assume {role})"),
            None => String::new(),
        };
        format!(
            "no credentials found{role}: looked in the environment (AWS_ACCESS_KEY_ID), in the profile '{profile}' of \
             ~/.aws/config and ~/.aws/credentials, at a web identity, at the container's role and at the machine's; \
             name a profile with --profile, or log in with 'aws sso login'"
        )
    }

    /// The bucket of an API.
    pub fn bucket(&self, api: &'static Api) -> Option<&Bucket> {
        self.buckets.get(api.action)
    }
}

async fn load(source: &AwsSource, region: Option<String>) -> SdkConfig {
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https();
    let timeout = Duration::from_secs(source.timeout_s);
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(timeout.min(Duration::from_secs(5)))
        .operation_attempt_timeout(timeout)
        .build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        // Calls are counted and repeated by `Calls`, so that none slips past the buckets.
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts);
    if let Some(region) = region {
        loader = loader.region(Region::new(region));
    }
    if let Some(profile) = &source.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(url) = &source.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    let config = loader.load().await;
    let Some(role) = &source.assume_role else {
        return config;
    };
    let mut assumed = AssumeRoleProvider::builder(role)
        .session_name("inquest")
        .configure(&config);
    if let Some(id) = &source.external_id {
        assumed = assumed.external_id(id);
    }
    let provider =
        aws_credential_types::provider::SharedCredentialsProvider::new(assumed.build().await);
    config.into_builder().credentials_provider(provider).build()
}
