#pragma once
// Which readers exist and whether a card is in them, from pcscd.
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "protocol/error.h"

namespace taxgate::pcsc {

struct ReaderFacts {
  std::string name;
  bool card = false;  // present and it answered its reset
  bool mute = false;  // present and silent at its reset
  std::uint32_t events =
      0;  // pcscd's count of insertions and removals: it moves when a card was swapped between two looks
  friend bool operator==(const ReaderFacts&, const ReaderFacts&) = default;
};

/// Watches pcscd. Blocking without a time limit, and without wake-ups while nothing happens: give it a process of its
/// own.
class ReaderWatch {
 public:
  ReaderWatch();
  ~ReaderWatch();
  ReaderWatch(const ReaderWatch&) = delete;
  ReaderWatch& operator=(const ReaderWatch&) = delete;

  /// The first call answers at once; each further call blocks until the list differs from the one last returned.
  /// errors  retry_later pcsc.no_service: pcscd is not there or went away; call again later, the watch starts anew
  Result<std::vector<ReaderFacts>> next();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace taxgate::pcsc
