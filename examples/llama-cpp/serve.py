"""llama.cpp's own HTTP server, as the xllamacpp package carries it, on one thread.

    serve.py --port 8080 [--template gemma] [--grammar 'root ::= "yes" | "no"']
"""

import argparse
import signal
from pathlib import Path

import xllamacpp


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--template", default="gemma", help="the chat format that prompts are put into")
    parser.add_argument("--grammar", help="what an answer may be, in llama.cpp's GBNF")
    options = parser.parse_args()
    params = xllamacpp.CommonParams()
    params.model.path = str(next((Path(__file__).parent / "model").glob("*.gguf")))
    params.model_alias = {"gemma-3-270m"}
    params.hostnames = ["127.0.0.1"]
    params.port = options.port
    params.use_jinja = False  # So that a template is one of llama.cpp's own, by its name, and not a text.
    params.chat_template = options.template
    if options.grammar:
        kind = xllamacpp.common_grammar_type.COMMON_GRAMMAR_TYPE_USER
        params.sampling.grammar = xllamacpp.CommonGrammar(kind, options.grammar)
    # Two replicas and the load share two cores.
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.n_parallel = 4
    params.n_ctx = 4 * 512
    server = xllamacpp.Server(params)  # Returns once the model is loaded and the port is open.
    print(f"listening on {server.listening_address}", flush=True)
    signal.sigwait([signal.SIGTERM, signal.SIGINT])


if __name__ == "__main__":
    main()
