#pragma once
// docs/rules.md, generated from the rules' registry, the message catalogue and the compiled-in tables.
#include <string>

namespace taxgate::rules {

std::string rules_page();

}  // namespace taxgate::rules
