use super::Unusable;
use crate::health::sequential::{EvidenceError, Side, StartMass};
#[derive(Debug)] pub(super) struct RateTest; #[derive(Debug)] pub(super) struct RateProcess;
impl RateTest { pub(super) fn new(_:Side,_:f64)->Result<Self,EvidenceError>{Ok(Self)} pub(super) fn with_dispersion(self,_:f64)->Result<Self,EvidenceError>{Ok(self)} pub(super) fn with_start(self,_:StartMass)->Self{self} pub(super) fn begin(&self)->RateProcess{RateProcess}}
impl RateProcess { pub(super) fn look(&mut self,_:f64,_:f64)->Result<f64,EvidenceError>{Ok(0.0)}}
#[derive(Debug)] pub(super) struct SpendingProcess;
impl SpendingProcess { pub(super) fn new(_:f64,_:f64,_:u32)->Result<Self,EvidenceError>{Ok(Self)} pub(super) fn look(&mut self,_:f64,_:f64,_:f64,_:f64)->Result<bool,EvidenceError>{Ok(false)}}
#[derive(Debug)] pub(super) struct AbsoluteProcess;
impl AbsoluteProcess { pub(super) fn new(_:f64)->Result<Self,EvidenceError>{Ok(Self)} pub(super) fn look(&mut self,_:f64,_:f64,_:f64,_:f64)->Result<f64,EvidenceError>{Ok(0.0)}}
pub(super) fn von_neumann_dispersion(c:&[f64])->Result<f64,EvidenceError>{ let n=c.len() as f64; let m=c.iter().sum::<f64>()/n; if m<=0.0 {return Ok(1.0)}; let d:f64=c.windows(2).map(|w|(w[1]-w[0]).powi(2)).sum::<f64>()/(n-1.0); Ok((d/2.0/m).max(1.0)) }
pub(super) fn lag_one_correlation(_:&[f64])->Option<f64>{Some(0.0)}
pub(super) fn block_minutes(_:f64)->u32{1}
pub(super) fn wilson(e:f64,x:f64,_:f64)->Result<(f64,f64),EvidenceError>{let p=e/x; Ok((p,(p*1.2).max(3.0/x)))}
