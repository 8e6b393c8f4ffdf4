#pragma once
// The same small day of work for the power-loss and the kill tests, the list of what was confirmed to the caller while
// it ran, and the comparison of a store opened afterwards with that list.
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "daemon/store/store.h"

namespace taxgate::store {

/// One confirmed fact, as one line of text: it must survive a killed process in a file.
///   accepted KEY ID | advanced ID VERSION STATE ENVELOPES | number N | cursor VALUE | imported NUMBER | hold REASON
using Confirm = std::function<void(const std::string& line)>;

/// Opens, works, closes, opens again and works on. Ends early when a write fails (the power is gone).
void run_workload(const std::function<Options()>& options, const Confirm& confirm);

/// Opens the store with `options` and checks it against what was confirmed; each difference is a sentence.
std::vector<std::string> differences(const Options& options, const std::vector<std::string>& confirmed);

}  // namespace taxgate::store
