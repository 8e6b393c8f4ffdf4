#include "drivers/pcsc/reader_watch.h"

#include <winscard.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "drivers/pcsc/pcsc_error.h"

namespace taxgate::pcsc {
namespace {

// pcsclite's pseudo-reader: a state change on it means that a reader came or went.
constexpr const char* kPlugAndPlay = "\\\\?PnP?\\Notification";

/// A reader came (the pseudo-reader says so) or went (its own state says so).
bool came_or_went(const std::vector<SCARD_READERSTATE>& states, bool plug_and_play) {
  if (plug_and_play && (states.back().dwEventState & SCARD_STATE_CHANGED) != 0) return true;
  return std::any_of(states.begin(), states.end(), [](const SCARD_READERSTATE& state) {
    return (state.dwEventState & (SCARD_STATE_UNKNOWN | SCARD_STATE_IGNORE)) != 0;
  });
}

bool is(LONG code, LONG expected) { return static_cast<std::uint32_t>(code) == static_cast<std::uint32_t>(expected); }

}  // namespace

struct ReaderWatch::State {
  SCARDCONTEXT context = 0;
  bool open = false;
  std::optional<std::vector<ReaderFacts>> last;
  bool list_anew = false;  // the last look named a reader that is no more

  void close() {
    if (open) SCardReleaseContext(context);
    open = false;
    last.reset();
  }

  Result<void> establish() {
    if (open) return {};
    const LONG code = SCardEstablishContext(SCARD_SCOPE_SYSTEM, nullptr, nullptr, &context);
    if (!is(code, SCARD_S_SUCCESS)) return std::unexpected(error_of(code, Phase::before, "SCardEstablishContext"));
    open = true;
    return {};
  }

  Result<std::vector<std::string>> names() {
    DWORD length = 0;
    std::vector<char> text;
    // The list may grow between asking its length and asking for it.
    for (;;) {
      LONG code = SCardListReaders(context, nullptr, nullptr, &length);
      if (is(code, SCARD_E_NO_READERS_AVAILABLE)) return std::vector<std::string>{};
      if (!is(code, SCARD_S_SUCCESS)) return std::unexpected(error_of(code, Phase::before, "SCardListReaders"));
      text.resize(length);
      code = SCardListReaders(context, nullptr, text.data(), &length);
      if (is(code, SCARD_E_INSUFFICIENT_BUFFER)) continue;
      if (is(code, SCARD_E_NO_READERS_AVAILABLE)) return std::vector<std::string>{};
      if (!is(code, SCARD_S_SUCCESS)) return std::unexpected(error_of(code, Phase::before, "SCardListReaders"));
      break;
    }
    std::vector<std::string> result;
    for (const char* p = text.data(); p < text.data() + length && *p; p += result.back().size() + 1)
      result.emplace_back(p);
    return result;
  }

  /// One SCardGetStatusChange over all readers and the plug-and-play pseudo-reader.
  Result<std::vector<ReaderFacts>> look(DWORD timeout, const std::vector<ReaderFacts>& known,
                                        std::vector<SCARD_READERSTATE>& states) {
    const LONG code = SCardGetStatusChange(context, timeout, states.data(), states.size());
    if (!is(code, SCARD_S_SUCCESS) && !is(code, SCARD_E_TIMEOUT) && !is(code, SCARD_E_UNKNOWN_READER) &&
        !is(code, SCARD_E_READER_UNAVAILABLE))
      return std::unexpected(error_of(code, Phase::before, "SCardGetStatusChange"));
    list_anew = is(code, SCARD_E_UNKNOWN_READER) || is(code, SCARD_E_READER_UNAVAILABLE);
    std::vector<ReaderFacts> facts = known;
    for (std::size_t i = 0; i < facts.size(); ++i) {
      const DWORD event = states[i].dwEventState;
      facts[i].card = (event & SCARD_STATE_PRESENT) != 0 && (event & SCARD_STATE_MUTE) == 0;
      facts[i].mute = (event & SCARD_STATE_MUTE) != 0;
      facts[i].events = static_cast<std::uint32_t>(event >> 16 & 0xffff);
      // Exclusive use and use by others come and go with our own connections; remember them so that the next wait does
      // not return at once, but they are no news.
      states[i].dwCurrentState = event & ~static_cast<DWORD>(SCARD_STATE_CHANGED);
    }
    return facts;
  }
};

ReaderWatch::ReaderWatch() : state_(std::make_unique<State>()) {}
ReaderWatch::~ReaderWatch() { state_->close(); }

Result<std::vector<ReaderFacts>> ReaderWatch::next() {
  for (;;) {
    if (auto opened = state_->establish(); !opened) return std::unexpected(opened.error());
    auto names = state_->names();
    if (!names) {
      state_->close();
      return std::unexpected(names.error());
    }
    std::vector<ReaderFacts> facts;
    for (auto& name : *names) facts.push_back({.name = std::move(name)});
    // pcsclite takes no more states than it has room for readers: with all of them taken none can come, and one that
    // goes shows in its own state, so the pseudo-reader is not missed.
    const bool plug_and_play = facts.size() < PCSCLITE_MAX_READERS_CONTEXTS;
    std::vector<SCARD_READERSTATE> states(facts.size() + (plug_and_play ? 1 : 0));
    for (std::size_t i = 0; i < facts.size(); ++i) states[i].szReader = facts[i].name.c_str();
    if (plug_and_play) {
      states.back().szReader = kPlugAndPlay;
      // pcsclite compares the reader count in the high half of the pseudo-reader's state with its own.
      states.back().dwCurrentState = static_cast<DWORD>(facts.size()) << 16;
    }
    DWORD timeout = 0;
    for (;;) {
      // `facts` owns the names the states point to, so results go into a copy.
      auto seen = state_->look(timeout, facts, states);
      if (!seen) {
        state_->close();
        return seen;
      }
      if (state_->list_anew) break;
      if (state_->last != *seen) {
        state_->last = *seen;
        return seen;
      }
      if (timeout != 0 && came_or_went(states, plug_and_play)) break;  // list anew
      timeout = INFINITE;
    }
  }
}

}  // namespace taxgate::pcsc
