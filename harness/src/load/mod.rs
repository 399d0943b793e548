//! Load: sends the traffic, open loop or closed loop, and measures every exchange.
