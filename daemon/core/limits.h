#pragma once
// Every fixed bound of the daemon, with its reason. What an operator may change is in config.h instead. A wait without
// a deadline, a queue without a bound or a retry without a budget is a defect: add its number here.
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace taxgate::limits {

using std::chrono::milliseconds;

// ---- files -------------------------------------------------------------------------------------------------------
inline constexpr std::size_t kConfigFile = 1024 * 1024;  // a thousand taxpayers need about 200 KiB
inline constexpr std::size_t kSecretFile = 64 * 1024;    // a PEM chain with its key; PINs and tokens are far smaller

// ---- log ---------------------------------------------------------------------------------------------------------
inline constexpr std::size_t kLogLine = 2048;  // journald's LINE_MAX is 48 KiB; a person reads one screen line

// ---- lanes -------------------------------------------------------------------------------------------------------
inline constexpr std::size_t kLaneQueue =
    1024;  // tasks waiting for one blocking thread: past this the caller must shed load

// ---- store -------------------------------------------------------------------------------------------------------
inline constexpr std::size_t kStorePending = 8192;  // acceptances waiting for a commit: 0.3 s of work at 30,000/s
inline constexpr std::size_t kStorePendingBulk =
    65536;                                        // advances and other writes waiting: the daemon makes them itself
inline constexpr std::size_t kGroupCommit = 512;  // acceptances in one commit: the fsync is amortised well before
inline constexpr std::size_t kGatherFrom = 8;     // a group this large is followed by another: a commit waits for it
inline constexpr std::size_t kGatherTo = 32;      // but not for more: the flush is shared well enough by these
inline constexpr std::chrono::microseconds kGather{200};  // and not longer: the flush itself takes as long
inline constexpr std::size_t kIntakeBatch = 16;  // requests given to the rules together: few wake-ups, no idle stage
inline constexpr std::size_t kAnswersAtOnce =
    8;                                         // answers given before the io thread reads again: the next batch begins
inline constexpr milliseconds kBulkSlice{5};   // one bulk transaction: longer would show in the acceptances' p99
inline constexpr std::size_t kBulkRows = 256;  // and never more rows than this, whatever the clock says
inline constexpr std::size_t kNightRows = 4096;    // rows of one transaction of the night sync: 5 ms of inserts
inline constexpr std::size_t kApplyRows = 512;     // statuses of one transaction: each may be a page of its own, 4 MiB
inline constexpr int kCheckpointPages = 1000;      // WAL pages before a checkpoint between commits: 4 MiB, 8–12 ms
inline constexpr int kCheckpointBusyPages = 8000;  // while acceptances wait a checkpoint may be put off up to here
inline constexpr int kStoreCacheKiB =
    8 * 1024;  // page cache of the writer, which only appends; a reader gets a quarter
inline constexpr std::int64_t kNightPending = 131072;         // changes before they are applied: a reader may scan them
inline constexpr std::size_t kStoredText = 16 * 1024 * 1024;  // one column of one row; the API's body limit is smaller
inline constexpr int kListPage = 1000;                        // rows in one answer of a list query, whatever was asked
inline constexpr int kInvoiceScan = 4096;  // ledger rows looked at for one answer: the reader is busy for some 20 ms
inline constexpr milliseconds kReaderBusy{2000};  // a reader waits this long for SQLite's lock (recovery only)
inline constexpr int kIdempotencyKey = 128;       // characters, as the API documents
inline constexpr int kLaneOpen = 1000;            // open submissions on one blue invoice

// ---- virtual time ------------------------------------------------------------------------------------------------
inline constexpr std::int64_t kClockOffsetMs =
    20LL * 366 * 24 * 3600 * 1000;  // a virtual clock is at most 20 years off

}  // namespace taxgate::limits
