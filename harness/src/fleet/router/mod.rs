//! The built-in failover router: the embedded system under test, and the reference of good behaviour.
