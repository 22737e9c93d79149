//! Numbers that describe two samples, for reports. They answer one question asked once: no verdict
//! rests on them, because a test that is repeated at every look errs far more often than it says.
