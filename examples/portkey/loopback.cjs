// Whatever this process listens on, it listens on loopback. Portkey's gateway has no option for that, and would be
// reachable from everywhere; a network namespace would need rights that not every machine gives.
const { Server } = require("node:net");

const listen = Server.prototype.listen;
Server.prototype.listen = function (...args) {
  const asked = typeof args[0] === "object" && args[0] !== null ? args[0] : { port: args[0] };
  const done = args.find((arg) => typeof arg === "function");
  this.once("listening", () => {
    const { address } = this.address();
    if (address !== "127.0.0.1") {
      console.error(`listening on ${address}, which is not loopback`);
      process.exit(1);
    }
  });
  return listen.call(this, { port: asked.port, host: "127.0.0.1" }, done);
};
