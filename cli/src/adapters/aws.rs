//! The adapters for AWS that a plan file names. Credentials, region and endpoints are found as every
//! program of AWS finds them.
//!
//! Must not know plans: what is built here is asked what it can do, and a plan is compiled for that.

use std::{collections::BTreeMap, sync::Arc};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use tidegate_aws::{
    Account, ByRevision, CallLimits, DeployedByOthers, Fixed, Placement, RouteCount, Table,
    alb::{AlbOptions, AlbRoute, AlbRoutes, Stickiness},
    appmesh::{MeshOptions, MeshRoute, MeshRoutes, RouteProtocol},
    cloudwatch::CloudWatch,
    codedeploy::{CodeDeploy, CodeDeployOptions, GroupName, RollbackOwner},
    ecs::{
        ServiceName,
        external::TaskSets,
        native::{self, EcsOptions, EcsService},
    },
    events::{EventBus, Topic},
    lambda::{LambdaAlias, LambdaOptions},
    lattice::{LatticeOptions, LatticeRoute, LatticeRoutes},
    sdk,
};
use tidegate_core::{DeploymentActions, FailureKind, PortError, Revision, TrafficShifter};

use super::{
    Outlets,
    artifacts::Templates,
    spec::{
        ArmsSpec, AwsSpec, ObserverSpec,
        deploy::{CodeDeploySpec, DeploySpec, EcsRollbackSpec, EcsSpec, RollbackSpec},
        task_sets::TaskSetsSpec,
        traffic::{
            AlbRouteSpec, AlbSpec, AppMeshSpec, LambdaSpec, LatticeSpec, MeshProtocol, TrafficSpec,
        },
    },
    task_sets::blueprint,
};

/// What AWS is called with.
#[derive(Debug)]
pub(super) struct Clients {
    config: SdkConfig,
    account: Account,
}

impl Clients {
    pub(super) async fn find(spec: &AwsSpec) -> Self {
        let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12());
        if let Some(region) = &spec.region {
            loader = loader.region(Region::new(region.clone()));
        }
        let usual = CallLimits::default();
        let limits = CallLimits {
            request: spec.request.unwrap_or(usual.request),
            queue: spec.queue.unwrap_or(usual.queue),
            late: spec.late.unwrap_or(usual.late),
        };
        // One set of credentials is one account, which has to be told from no other here.
        let account = Account::new("that of the credentials").with_limits(limits);
        Self { config: loader.load().await, account }
    }

    pub(super) fn traffic(&self, spec: &TrafficSpec) -> Result<Part, RouteCount> {
        Ok(match spec {
            TrafficSpec::Alb(spec) => Part::router(self.alb(spec)?),
            TrafficSpec::Lattice(spec) => Part::router(self.lattice(spec)?),
            TrafficSpec::AppMesh(spec) => Part::router(self.app_mesh(spec)?),
            TrafficSpec::Lambda(spec) => Part::both(self.lambda(spec)),
        })
    }

    fn alb(&self, spec: &AlbSpec) -> Result<AlbRoutes, RouteCount> {
        let client = sdk::elasticloadbalancingv2::Client::new(&self.config);
        let route = |route: &AlbRouteSpec| match route {
            AlbRouteSpec::Rule(arn) => AlbRoute::Rule(arn.clone()),
            AlbRouteSpec::Listener(arn) => AlbRoute::Listener(arn.clone()),
        };
        let routes = spec.routes.iter().map(route).collect();
        let usual = AlbOptions::default();
        let options = AlbOptions {
            stickiness: match spec.wait_out_stickiness {
                Some(up_to) => Stickiness::WaitOut { up_to },
                None => usual.stickiness,
            },
            healthy_targets: spec.healthy_targets.map_or(usual.healthy_targets, as_count),
            health_wait: spec.health_wait.unwrap_or(usual.health_wait),
            fine: spec.fine,
            propagation: spec.propagation.unwrap_or(usual.propagation),
            deregistration: spec.deregistration.unwrap_or(usual.deregistration),
        };
        let routes = AlbRoutes::new(&client, &self.account, routes, placement(&spec.arms))?;
        Ok(routes.with_options(options))
    }

    fn lattice(&self, spec: &LatticeSpec) -> Result<LatticeRoutes, RouteCount> {
        let client = sdk::vpclattice::Client::new(&self.config);
        let routes = spec.routes.iter().map(|route| LatticeRoute {
            service: route.service.clone(),
            listener: route.listener.clone(),
            rule: route.rule.clone(),
        });
        let usual = LatticeOptions::default();
        let options = LatticeOptions {
            fine: spec.fine,
            propagation: spec.propagation.unwrap_or(usual.propagation),
            drain: spec.drain.unwrap_or(usual.drain),
        };
        let arms = placement(&spec.arms);
        let routes = LatticeRoutes::new(&client, &self.account, routes.collect(), arms)?;
        Ok(routes.with_options(options))
    }

    fn app_mesh(&self, spec: &AppMeshSpec) -> Result<MeshRoutes, RouteCount> {
        let client = sdk::appmesh::Client::new(&self.config);
        let routes = spec.routes.iter().map(|route| MeshRoute {
            mesh: route.mesh.clone(),
            mesh_owner: route.mesh_owner.clone(),
            router: route.router.clone(),
            route: route.route.clone(),
            protocol: protocol(route.protocol),
        });
        let usual = MeshOptions::default();
        let options = MeshOptions {
            propagation: spec.propagation.unwrap_or(usual.propagation),
            drain: spec.drain.unwrap_or(usual.drain),
        };
        let arms = placement(&spec.arms);
        let routes = MeshRoutes::new(&client, &self.account, routes.collect(), arms)?;
        Ok(routes.with_options(options))
    }

    fn lambda(&self, spec: &LambdaSpec) -> LambdaAlias {
        let client = sdk::lambda::Client::new(&self.config);
        let usual = LambdaOptions::default();
        let options = LambdaOptions {
            propagation: spec.propagation.unwrap_or(usual.propagation),
            drain: spec.drain.unwrap_or(usual.drain),
        };
        let (function, alias) = (spec.function.as_str(), spec.alias.as_str());
        let alias = LambdaAlias::new(&client, &self.account, function, alias).with_options(options);
        if spec.provisioned { alias.provisioned() } else { alias }
    }

    /// Behind these arms, where it deploys what the router has to know of.
    pub(super) async fn deploy(
        &self,
        spec: &DeploySpec,
        arms: &ArmsSpec,
    ) -> Result<Part, PortError> {
        Ok(match spec {
            DeploySpec::ByOthers => Part::deployer(DeployedByOthers),
            DeploySpec::Codedeploy(spec) => Part::both(self.codedeploy(spec).await?),
            DeploySpec::Ecs(spec) => Part::both(self.ecs(spec).await?),
            DeploySpec::TaskSets(spec) => {
                let sets = self.task_sets(spec, arms)?;
                sets.check().await?;
                Part::deployer(sets)
            }
        })
    }

    /// Task sets that nobody has looked at yet.
    pub(super) fn task_sets(
        &self,
        spec: &TaskSetsSpec,
        arms: &ArmsSpec,
    ) -> Result<TaskSets, PortError> {
        let client = sdk::ecs::Client::new(&self.config);
        let name = service_name(&spec.cluster, &spec.service);
        let blueprint = blueprint(spec, arms).map_err(|error| {
            let action = format!("say what task sets of service {name} are made of");
            PortError::new(FailureKind::Permanent, action).because(error)
        })?;
        Ok(TaskSets::new(&client, &self.account, name, blueprint))
    }

    async fn codedeploy(&self, spec: &CodeDeploySpec) -> Result<CodeDeploy, PortError> {
        let client = sdk::codedeploy::Client::new(&self.config);
        let usual = CodeDeployOptions::default();
        let options = CodeDeployOptions {
            rollback: match spec.rollback {
                RollbackSpec::Engine => RollbackOwner::Engine,
                RollbackSpec::Group => RollbackOwner::Group,
            },
            propagation: spec.propagation.unwrap_or(usual.propagation),
            drain: spec.drain.unwrap_or(usual.drain),
            ..usual
        };
        let artifacts = Arc::new(Templates(spec.artifact.clone()));
        CodeDeploy::open(&client, &self.account, group_name(spec), artifacts, options).await
    }

    async fn ecs(&self, spec: &EcsSpec) -> Result<EcsService, PortError> {
        let client = sdk::ecs::Client::new(&self.config);
        let usual = EcsOptions::default();
        let options = EcsOptions {
            rollback: match spec.rollback {
                EcsRollbackSpec::Engine => native::RollbackOwner::Engine,
                EcsRollbackSpec::Service => native::RollbackOwner::Service,
            },
            looks_back: spec.looks_back.unwrap_or(usual.looks_back),
            clock_skew: spec.clock_skew.unwrap_or(usual.clock_skew),
            propagation: spec.propagation.unwrap_or(usual.propagation),
            drain: spec.drain.unwrap_or(usual.drain),
            ..usual
        };
        let name = service_name(&spec.cluster, &spec.service);
        EcsService::open(&client, &self.account, name, options).await
    }

    pub(super) fn cloudwatch(&self) -> CloudWatch {
        CloudWatch::new(&sdk::cloudwatch::Client::new(&self.config), &self.account)
    }

    /// Inside a runtime, whose tasks send.
    pub(super) fn outlets(&self, specs: &[ObserverSpec]) -> Outlets {
        let mut outlets = Outlets::default();
        for spec in specs {
            match spec {
                ObserverSpec::EventBus(name) => {
                    let client = sdk::eventbridge::Client::new(&self.config);
                    outlets.buses.push(EventBus::new(&client, &self.account, name.as_str()));
                }
                ObserverSpec::Topic(arn) => {
                    let client = sdk::sns::Client::new(&self.config);
                    outlets.topics.push(Topic::new(&client, &self.account, arn.as_str()));
                }
            }
        }
        outlets
    }
}

/// One adapter, as the ports that it is.
#[derive(Default)]
pub(super) struct Part {
    pub(super) traffic: Option<Arc<dyn TrafficShifter>>,
    pub(super) deploy: Option<Arc<dyn DeploymentActions>>,
}

impl Part {
    fn router(router: impl TrafficShifter + 'static) -> Self {
        Self { traffic: Some(Arc::new(router)), deploy: None }
    }

    pub(super) fn deployer(deployer: impl DeploymentActions + 'static) -> Self {
        Self { traffic: None, deploy: Some(Arc::new(deployer)) }
    }

    /// Something that deploys, and divides traffic as well.
    fn both(one: impl TrafficShifter + DeploymentActions + 'static) -> Self {
        let one = Arc::new(one);
        Self { traffic: Some(one.clone()), deploy: Some(one) }
    }
}

/// A group's names.
pub(super) fn group_name(spec: &CodeDeploySpec) -> GroupName {
    GroupName { application: spec.application.clone(), group: spec.group.clone() }
}

/// A service's names.
pub(super) fn service_name(cluster: &str, service: &str) -> ServiceName {
    ServiceName { cluster: cluster.to_owned(), service: service.to_owned() }
}

pub(super) fn placement(arms: &ArmsSpec) -> Arc<dyn Placement> {
    match arms {
        ArmsSpec::ByRevision => Arc::new(ByRevision),
        ArmsSpec::Fixed(places) => {
            Arc::new(Fixed { stable: places.stable.clone(), candidate: places.candidate.clone() })
        }
        ArmsSpec::Table(places) => {
            let places = places.iter();
            let places = places.map(|(of, place)| (Revision::from(of.as_str()), place.clone()));
            Arc::new(Table(places.collect::<BTreeMap<_, _>>()))
        }
    }
}

const fn protocol(spec: MeshProtocol) -> RouteProtocol {
    match spec {
        MeshProtocol::Http => RouteProtocol::Http,
        MeshProtocol::Http2 => RouteProtocol::Http2,
        MeshProtocol::Grpc => RouteProtocol::Grpc,
        MeshProtocol::Tcp => RouteProtocol::Tcp,
    }
}

fn as_count(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}
