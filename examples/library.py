"""The whole library in twenty lines: `python examples/library.py examples/OMBox`."""

import sys

from partitioned_rag import OllamaError, OMBox

QUESTION = "Where is the spare key?"

with OMBox(sys.argv[1]) as box:
    for contact in ("15550100123", "friend"):
        view = box.view(contact)
        best = next(hit for hit in view.search(QUESTION) if hit.partition == contact)
        prompt = view.prompt(QUESTION)
        print(f"{contact}: {best.score:.2f} {best.source}:{best.start}-{best.end}")
        print(f"  {prompt.tokens} of {prompt.budget} tokens, {len(prompt.omitted)} left out")
        try:
            print(f"  {view.reply(QUESTION).text}")
        except OllamaError as error:
            print(f"  no reply: {error}", file=sys.stderr)
