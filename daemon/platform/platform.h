#pragma once
// The tax platform as the pipeline sees it: typed operations over one transport, with a call budget that day work and
// the night sync share. All calls and replies on the io thread; a reply is called exactly once, within the deadline,
// and may come from inside the call. After the Platform's destruction none is called any more.
//
// The one distinction everything rests on is in the error code:
//   retry_later      the request certainly did not reach the platform's application (no connection, TLS failure before
//                    the first body byte left, 429, 503 with Retry-After from the gateway, call budget)
//   outcome_unknown  it may have: bytes left and no complete, well-formed, decryptable answer came (time-out, reset,
//   5xx,
//                    garbage, truncation)
//   rejected         the platform's application said no: `wanted` = code, `detail` = its message, verbatim
//   limit_reached    our own budget: not sent
//   invalid_input    our own set-up (a taxpayer without a key): not sent
// Queries change nothing, so any trouble with one is retry_later; a "no" of the application to a query is an answer and
// stays in the reply's outcome.
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "daemon/platform/settings.h"
#include "daemon/platform/transport.h"
#include "protocol/leqi.h"
#include "protocol/leqi_night.h"
#include "protocol/messages.h"
#include "protocol/table_xml.h"

namespace taxgate::platform {

template <class T>
using Reply = std::move_only_function<void(Result<T>)>;

/// A signed act ready to leave: exactly these bytes, every time. `body` is plain JSON (or, for tables, {"xml":…}).
struct SignedCall {
  std::string taxpayer;
  std::string body;
  const SignedEnvelope* evidence = nullptr;  // carried when the channel's profile says where; may be null
};

/// A page of the listing as it came, still compressed and sealed: opening megabytes is not the io thread's work.
struct SealedPage {
  std::string body;
};
/// Any thread that owns `key` and `buffer`; the answer lies in `buffer`.
/// errors  retry_later platform.gateway (the platform's code in `wanted`: later), corrupt leqi.envelope, leqi.base64,
///         leqi.cipher, platform.gzip
Result<ByteView> open(const SealedPage& page, const wire::Sm4Decryptor& key, Bytes& buffer);

class Platform {
 public:
  virtual ~Platform() = default;
  virtual void apply(SignedCall call, Reply<leqi::ApplyReply> reply) = 0;
  virtual void answer(SignedCall call, Reply<leqi::ConfirmReply> reply) = 0;
  virtual void upload(SignedCall call, Reply<leqi::UploadReply> reply) = 0;
  virtual void upload_table(SignedCall call, Reply<table::Row> reply) = 0;
  virtual void list(std::string taxpayer, leqi::ListRequest request, Reply<leqi::ListReply> reply) = 0;
  virtual void detail(std::string taxpayer, leqi::DetailRequest request, Reply<leqi::DetailReply> reply) = 0;
  virtual void upload_result(std::string taxpayer, leqi::UploadResultRequest request,
                             Reply<leqi::UploadResultReply> reply) = 0;
  virtual void invoice_status(std::string taxpayer, leqi::InvoiceStatusRequest request,
                              Reply<leqi::InvoiceStatusReply> reply) = 0;
  virtual void credit(std::string taxpayer, leqi::CreditRequest request, Reply<leqi::CreditReply> reply) = 0;
  virtual void download_tables(std::string taxpayer, table::DownloadRequest request,
                               Reply<table::DownloadReply> reply) = 0;

  // ---- the night's: queries that start when no other call does and never take day work's reserve
  virtual void bulk_apply(leqi::BulkApply request, Reply<leqi::BulkApplyReply> reply) = 0;
  virtual void bulk_state(leqi::BulkStateRequest request, Reply<leqi::BulkStateReply> reply) = 0;
  virtual void package(leqi::PackageRequest request, Reply<SealedPage> reply) = 0;
  virtual void changes(leqi::ChangesRequest request, Reply<SealedPage> reply) = 0;
  virtual void totals(leqi::Window window, Reply<leqi::TotalsReply> reply) = 0;
  /// What opens this taxpayer's pages; nullptr: not one of ours. The caller's own, for one thread.
  virtual std::unique_ptr<wire::Sm4Decryptor> page_key(std::string_view taxpayer) const = 0;
  virtual std::int64_t calls_left_today() const = 0;

  /// How far our clock is ahead of the platform's, in seconds, by the last answer that told its time. Whole seconds,
  /// and what the answer took on the way is in it.
  virtual std::optional<std::int64_t> clock_ahead_s() const = 0;

  /// Time-outs, concurrency and budget for calls from now on.
  virtual void limit(const Limits& limits) = 0;
  /// One line for people: reachable, last success, calls left. For status.
  virtual std::string state_line(Language language) const = 0;
};

/// Reads the SM4 keys, makes the HTTPS transport. `legal` is for the state line only; both outlive the platform.
/// errors  invalid_input platform.url, platform.ca_file, platform.sm4_key and those of read_secret (file.*, secret.*)
Result<std::unique_ptr<Platform>> make_platform(boost::asio::io_context& io, const PlatformSettings& settings,
                                                const LegalClock& legal);
/// The same over another transport (tests). Takes the calls' headers, keys and profile from `settings`.
Result<std::unique_ptr<Platform>> make_platform(std::unique_ptr<PlatformTransport> transport,
                                                const PlatformSettings& settings, const LegalClock& legal);

}  // namespace taxgate::platform
