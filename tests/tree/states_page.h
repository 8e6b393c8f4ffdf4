#pragma once
// docs/states.md, generated from the table in protocol/states.cpp.
#include <string>

namespace taxgate::tree {

std::string states_page();

}  // namespace taxgate::tree
