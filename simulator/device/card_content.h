#pragma once
// What a virtual key holds without power: applications with PINs, containers with keys and certificates, files. Pure
// data and its file form; the commands are in virtual_key.h.
#include <array>
#include <string>
#include <vector>

#include "protocol/gmt0017.h"
#include "simulator/device/key_authority.h"
#include "simulator/device/sm2_key.h"

namespace taxgate::simulator {

inline constexpr std::uint8_t kDefaultMaxTries = 10;  // what the Tax UKey's owners report; GM/T 0016 leaves it open
inline constexpr std::uint8_t kMaxContainers = 8, kMaxCertificates = 16;
inline constexpr std::uint16_t kMaxFiles = 32;
inline constexpr std::size_t kCardSpace = 64 * 1024;  // bytes of files; small tokens have 32 to 128 KiB

/// How a key is made ("personalised") the first time.
struct KeyDefinition {
  std::string serial;          // 1..32 of A-Z a-z 0-9 - ; also the name of its state file
  std::string taxpayer, name;  // 1..64 characters each, UTF-8
  std::string pin, admin_pin;  // kPinMin..kPinMax bytes; only a hash of them is kept
  std::string application = "TAXGATE", container = "SIGN";
  std::uint8_t max_tries = kDefaultMaxTries;           // 1..15, what 63Cx can say
  std::int64_t valid_from_ms = 0, valid_until_ms = 0;  // certificate, Unix ms
};

struct CardPin {
  std::array<std::uint8_t, 16> key{};  // SHA1(PIN)[0..15]
  std::uint8_t max_tries = kDefaultMaxTries, tries_left = kDefaultMaxTries;
  bool initial = true;
};
struct CardContainer {
  std::string name;
  Sm2Key key;
  Bytes certificate;
};
struct CardFile {
  gmt0017::FileInfo info;
  Bytes data;
};
struct CardApplication {
  std::string name;
  CardPin admin, user;
  std::vector<CardContainer> containers;
  std::vector<CardFile> files;
};

struct CardContent {
  std::string serial, taxpayer, label;
  std::vector<CardApplication> applications;

  /// errors  invalid_input sim.key_definition (field names what)
  static Result<CardContent> personalise(const KeyDefinition& definition, const KeyAuthority& issuer);
  /// errors  corrupt sim.state_format, retry_later sim.state_io
  static Result<CardContent> load(const std::string& path);
  Result<void> save(const std::string& path) const;

  std::size_t file_bytes() const;
};

}  // namespace taxgate::simulator
