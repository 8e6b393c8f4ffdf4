#pragma once
// A vendor's SKF library (GM/T 0016) in this process. It is foreign code: any call may block for ever, crash, or end
// the process, so only a process that may be killed loads it (keyd: a worker, a watch, a probe).
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/skf/abi.h"
#include "drivers/skf/sar_error.h"
#include "protocol/error.h"
#include "protocol/sm.h"

namespace taxgate::skf {

/// A handle or a ULONG in a slot of 64 bits whose upper half is zero before the call: right for both widths.
using Word = std::uint64_t;

/// One function each, typed; answers that are not SAR_OK through sar_error(). Thread: one caller at a time.
class Library {
 public:
  /// Loads it and looks up every function; runs the library's constructors, none of its functions.
  /// errors  those of check_library_file(); invalid_input skf.load (left: the loader's word), skf.symbol (left: name)
  static Result<std::unique_ptr<Library>> load(const std::string& path);
  ~Library();
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;

  const std::string& path() const { return path_; }

  /// Names of the devices that are present, in the library's own bytes. errors rejected skf.devices (left: the code)
  Result<std::vector<std::string>> devices();
  Result<Word> connect(const std::string& device);
  void disconnect(Word device);
  /// Asks twice, into guarded buffers, and so finds out the layout. errors also those of read_dev_info()
  Result<DevInfo> device_info(Word device);

  Result<std::vector<std::string>> applications(Word device);
  Result<Word> open_application(Word device, const std::string& name);
  void close_application(Word application);
  struct Tries {
    int left = -1, most = -1;  // -1: the library does not say
  };
  Result<Tries> pin_info(Word application);  // of the user PIN
  /// Presents the user PIN once. `pin` ends with a zero byte; the library gets this very buffer, and what it makes of
  /// it is beyond us. errors key.pin_wrong with left = tries
  Result<void> verify_pin(Word application, std::span<std::uint8_t> pin);

  Result<std::vector<std::string>> containers(Word application);
  Result<Word> open_container(Word application, const std::string& name);
  void close_container(Word container);
  Result<Bytes> certificate(Word container);      // DER, of the signing key
  Result<Bytes> public_key_blob(Word container);  // of the signing key, as long as the library says
  Result<Signature> sign(Word container, const Digest& digest);

 private:
  struct Functions;
  explicit Library(std::string path);
  Result<std::vector<std::string>> names(std::uint32_t sar, const Bytes& list, Word size, std::string_view function);

  std::string path_;
  void* handle_ = nullptr;
  std::unique_ptr<Functions> functions_;
};

}  // namespace taxgate::skf
