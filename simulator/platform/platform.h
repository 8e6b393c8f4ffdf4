#pragma once
// The virtual tax platform as one object: HTTPS with a certification authority of its own, the services behind it,
// faults, request log, virtual legal clock, and a plain HTTP control interface on the loopback (docs/simulator.md).
//
// Thread: owns one; all of world, faults and log live on it. The members below may be called from any thread.
// Lifetime: stops and joins in its destructor; answers still owed by late-arrival faults are then dropped.
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "daemon/core/clock.h"
#include "protocol/sm.h"

namespace taxgate::simulator {

/// The legal clock everybody in the laboratory reads: 8 bytes, little-endian offset in ms (taxgated --lab maps the same
/// file).
using LegalClockFile = ClockFile;

enum class Profile : std::uint8_t {
  leqi_shape,  // no signature: none is documented there
  signed_,     // every writing request carries our envelope signature in `signature_header`; it is verified
};

struct PlatformOptions {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;          // 0: any free one
  std::uint16_t control_port = 0;  // always on 127.0.0.1
  std::string directory;           // must exist; platform-ca.pem, legal.clock and platform.log are written here
  Bytes sm4_key;                   // 16 bytes; empty: a random one
  Profile profile = Profile::leqi_shape;
  std::string signature_header = "access_signature";
  Bytes key_ca_der;        // signed_: the simulator's key CA; certificates of others are refused
  std::uint64_t seed = 1;  // of probability faults
};

struct ControlRequest {
  std::string method, path;                     // path without the query
  std::map<std::string, std::string> captured;  // "{serial}" of the pattern
  std::string body;
};
struct ControlReply {
  int status = 200;
  std::string body = "{}";  // JSON
};
/// Runs on the platform's thread: must not block for longer than a moment.
using ControlHandler = std::function<ControlReply(const ControlRequest&)>;

class Platform {
 public:
  /// Listening when it returns.
  /// errors  invalid_input sim.key, sim.key_ca, sim.listen, sim.tls, sim.log_file, clock.file, file.unwritable
  /// clock.file
  static Result<std::unique_ptr<Platform>> start(PlatformOptions options);
  ~Platform();
  Platform(const Platform&) = delete;
  Platform& operator=(const Platform&) = delete;

  std::uint16_t port() const;
  std::uint16_t control_port() const;
  const std::string& ca_path() const;  // PEM; the subject says SIMULATED
  const std::string& clock_path() const;
  const std::string& log_path() const;
  const Bytes& sm4_key() const;
  LegalClockFile& clock();

  /// More control endpoints, e.g. of the virtual keys. `path` may hold whole segments in braces: "/keys/{serial}/plug".
  void add_route(std::string method, std::string path, ControlHandler handler);

 private:
  struct Impl;
  explicit Platform(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace taxgate::simulator
