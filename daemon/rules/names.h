#pragma once
// R15: a name on an invoice equals the one in the tax register and holds no special characters. Pure.
#include <string_view>

#include "daemon/rules/tables.h"

namespace taxgate::rules {

/// The first of the operator's special characters in the name; empty when there is none.
std::string_view special_character(std::string_view name, const CodeTables& tables = default_tables());

}  // namespace taxgate::rules
