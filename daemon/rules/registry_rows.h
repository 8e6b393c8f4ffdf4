#pragma once
// The registry's rows, in two files. Private to daemon/rules.
#include <cstddef>

#include "daemon/rules/registry.h"

namespace taxgate::rules {

extern const Rule kRedRules[], kOtherRules[];
extern const std::size_t kRedRuleCount, kOtherRuleCount;

}  // namespace taxgate::rules
