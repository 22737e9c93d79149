//! `tidegate run` with adapters for AWS: whole processes, over protocols of AWS, killed and started again.

#[cfg(all(unix, feature = "aws-fakes"))]
mod clouds;
#[cfg(all(unix, feature = "aws-fakes"))]
mod codes;
mod emulated;
#[cfg(all(unix, feature = "aws-fakes"))]
mod killed;
#[cfg(all(unix, feature = "aws-fakes"))]
mod newer;
#[cfg(all(unix, feature = "aws-fakes"))]
mod routers;
#[cfg(all(unix, feature = "aws-fakes"))]
mod secrets;
#[cfg(all(unix, feature = "aws-fakes"))]
mod served;
