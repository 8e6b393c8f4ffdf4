#pragma once
// Every bound of the local API, with its reason. What an operator may change is in Settings; these are its defaults.
#include <chrono>
#include <cstddef>

namespace taxgate::api {

/// A red of 2,000 lines with its inline blue invoice is about 0.9 MB of JSON: the law's largest list fits, little more
/// does.
inline constexpr std::size_t kMaxBody = 1024UL * 1024;
/// An import is split by its sender; 16 MB holds some 20,000 invoices and is parsed in a fraction of a second.
inline constexpr std::size_t kMaxImportBody = 16UL * 1024 * 1024;
/// Request line and header fields together. A long bearer token and a trace header fit; a cookie jar does not belong
/// here.
inline constexpr std::size_t kMaxHeaderBytes = 8UL * 1024;
/// Billing systems and their proxies send 10 to 20 fields.
inline constexpr std::size_t kMaxHeaderFields = 64;
/// What a connection reads ahead: one header at its largest, or that many bytes of pipelined requests. While a request
/// is being answered nothing more is read, so this is the bound on pipelining; the sender's own socket holds the rest.
inline constexpr std::size_t kReadBuffer = 2 * kMaxHeaderBytes;
/// A body buffer that grew beyond this for one large request is given back after it.
inline constexpr std::size_t kKeptBody = 64UL * 1024;

/// A billing system uses a few pools of 64; at 16 KiB each, 1,024 connections cost 16 MB.
inline constexpr std::size_t kMaxConnections = 1024;
/// Waiting in the kernel for accept(): a burst of one pool per caller.
inline constexpr int kListenBacklog = 256;

/// A local client sends its header in one packet; 10 s forgives a stalled virtual machine.
inline constexpr std::chrono::milliseconds kHeaderDeadline{10'000};
/// The largest import at 1 MB/s.
inline constexpr std::chrono::milliseconds kBodyDeadline{20'000};
/// A reader that takes nothing for this long is cut: its answer is lost to it, not to us (everything can be asked
/// again).
inline constexpr std::chrono::milliseconds kWriteDeadline{10'000};
/// Keep-alive without a request: longer than common client pools (60 s), so that the client closes first.
inline constexpr std::chrono::milliseconds kIdleDeadline{90'000};
inline constexpr std::chrono::milliseconds kHandshakeDeadline{5'000};
/// On top of the wait the caller asked for: a reply later than this is a fault of ours and the connection is closed.
inline constexpr std::chrono::milliseconds kAnswerDeadline{60'000};
/// Deadlines are swept, not timed one by one: a cut may come this much late.
inline constexpr std::chrono::milliseconds kSweep{250};
/// After accept() failed for want of descriptors: try again then, the listener itself stays.
inline constexpr std::chrono::milliseconds kAcceptPause{100};

/// Long poll: below the 75 s after which common proxies give up.
inline constexpr int kMaxWaitSeconds = 60;
/// Event stream: a comment line this often keeps proxies and dead-peer detection awake.
inline constexpr int kStreamWaitMs = 15'000;
/// Events of one pull of a stream: what one slow reader can hold in memory (about 500 bytes each).
inline constexpr int kStreamBatch = 100;

inline constexpr int kDefaultPage = 50;
inline constexpr int kMaxPage = 500;
inline constexpr int kDefaultEvents = 100;
inline constexpr int kMaxEvents = 1000;
inline constexpr std::size_t kMaxIdempotencyKey = 128;
/// One query value: the longest are cursors and idempotency keys.
inline constexpr std::size_t kMaxQueryValue = 256;
inline constexpr std::size_t kMaxQueryFields = 16;
/// Refused lines reported back by one import; the rest is counted.
inline constexpr std::size_t kMaxRefusedLines = 1000;

/// Retry-After: a commit takes milliseconds, so one second is enough after a burst; a full disk needs a person.
inline constexpr int kRetryAfterSeconds = 1;
inline constexpr int kRetryAfterFullSeconds = 30;

}  // namespace taxgate::api
