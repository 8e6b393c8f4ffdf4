#include "tests/tree/states_page.h"

#include "protocol/states.h"

namespace taxgate::tree {

std::string states_page() {
  std::string out =
      "# States of a submission\n\n"
      "Generated from `protocol/states.cpp`, the only place where states and transitions are written down:\n"
      "`build/bin/tree_checks --states > docs/states.md`. A test compares the two. The store refuses every other "
      "transition.\n\n"
      "Kinds: `red` (a red invoice is wanted), `confirm`, `deny`, `revoke` (our answer to a form that stands on the "
      "platform).\n"
      "Steps of a red: `apply` (confirmation form or information table), `upload` (the red invoice itself). An answer "
      "has the one\n"
      "step `answer`.\n\n"
      "| State | Meaning | 含义 | Final | May become |\n|---|---|---|---|---|\n";
  for (const auto& s : states()) {
    std::string next;
    for (const char c : s.next) next += c == ' ' ? std::string(", ") : std::string(1, c);
    out += "| `" + std::string(s.name) + "` | " + std::string(s.text) + " | " + std::string(s.text_zh) + " | " +
           (s.final ? "yes" : "") + " | " + next + " |\n";
  }
  out +=
      "\nWhat keeps a submission from being lost or doubled:\n\n"
      "- `queued` is durable before the billing server gets its answer.\n"
      "- `ready` holds the signed bytes; a resend carries exactly these.\n"
      "- `sending` is durable before the first byte leaves. After a crash it is read as `outcome_unknown`.\n"
      "- `outcome_unknown` is left only by asking the platform ([unknown-outcome.md](unknown-outcome.md)).\n";
  return out;
}

}  // namespace taxgate::tree
