#pragma once
// The openssl command line as an independent judge of our SM2 code: both sides of our own tests share one room.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "protocol/sm.h"

namespace taxgate::test {

/// A directory that goes with the test; commands run in it.
class Workshop {
 public:
  Workshop() {
    std::string pattern = (std::filesystem::temp_directory_path() / "taxgate-sm2-XXXXXX").string();
    EXPECT_NE(::mkdtemp(pattern.data()), nullptr);
    path_ = pattern;
  }
  ~Workshop() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Workshop(const Workshop&) = delete;
  Workshop& operator=(const Workshop&) = delete;

  /// Exit status of `openssl <arguments>`; what it printed is in "log".
  int openssl(const std::string& arguments) const {
    const std::string command = "cd '" + path_.string() + "' && openssl " + arguments + " >log 2>&1";
    const int status = std::system(command.c_str());  // fixed arguments of this test, nothing foreign
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  Bytes read(const std::string& name) const {
    std::ifstream in(path_ / name, std::ios::binary);
    return Bytes(std::istreambuf_iterator<char>(in), {});
  }
  const std::filesystem::path& path() const { return path_; }
  std::string log() const { return std::string(as_text(read("log"))); }
  void write(const std::string& name, ByteView data) const {
    std::ofstream(path_ / name, std::ios::binary)
        .write(reinterpret_cast<const char*>(data.data()), static_cast<std::streamsize>(data.size()));
  }

 private:
  std::filesystem::path path_;
};

inline const std::string kDistId = "distid:1234567812345678";

/// NAME.key, and NAME.der issued by ISSUER (itself when empty), for `subject` in openssl's /A=B form.
inline void make_certificate(const Workshop& shop, const std::string& name, const std::string& subject,
                             const std::string& issuer = {}) {
  ASSERT_EQ(shop.openssl("ecparam -name SM2 -genkey -noout -out " + name + ".key"), 0) << shop.log();
  ASSERT_EQ(shop.openssl("req -new -sm3 -utf8 -sigopt " + kDistId + " -key " + name + ".key -subj '" + subject +
                         "' -out " + name + ".csr"),
            0)
      << shop.log();
  const std::string by = issuer.empty() ? " -signkey " + name + ".key"
                                        : " -CA " + issuer + ".pem -CAkey " + issuer + ".key -CAcreateserial";
  ASSERT_EQ(shop.openssl("x509 -req -sm3 -days 30 -vfyopt " + kDistId + " -sigopt " + kDistId + " -in " + name +
                         ".csr" + by + " -out " + name + ".pem"),
            0)
      << shop.log();
  ASSERT_EQ(shop.openssl("x509 -in " + name + ".pem -outform DER -out " + name + ".der"), 0) << shop.log();
}

/// SM2 signature of `message` by NAME.key under the default user id.
inline Signature sign(const Workshop& shop, const std::string& name, ByteView message) {
  shop.write("message", message);
  EXPECT_EQ(shop.openssl("dgst -sm3 -sigopt " + kDistId + " -sign " + name + ".key -out signature message"), 0)
      << shop.log();
  const auto signature = sm2_signature_from_der(shop.read("signature"));
  EXPECT_TRUE(signature);
  return signature.value_or(Signature{});
}

/// SEQUENCE or BIT STRING around content of 128 to 65,535 bytes, or less than 128.
inline Bytes der_piece(std::uint8_t tag, const Bytes& content) {
  Bytes out{tag};
  if (content.size() >= 128) out.insert(out.end(), {0x82, static_cast<std::uint8_t>(content.size() >> 8)});
  out.push_back(static_cast<std::uint8_t>(content.size()));
  out.insert(out.end(), content.begin(), content.end());
  return out;
}

inline constexpr std::string_view kGbkName = "\xcc\xa9\xb8\xf1\xca\xbe\xc0\xfd\xb5\xa5\xce\xbb";

/// The signed part of a certificate for leaf.key whose name holds GBK bytes in a UTF8String, as a bureau writes it; and
/// the authority ca.
inline Bytes gbk_signed_part(const Workshop& shop) {
  make_certificate(shop, "ca", "/CN=SIMULATED CA");
  make_certificate(shop, "leaf", "/O=ABCDEFGHIJKL/serialNumber=91310115TGDM00011U/CN=SIMULATED", "ca");
  Bytes leaf = shop.read("leaf.der");
  const auto name = std::ranges::search(leaf, as_bytes("ABCDEFGHIJKL"));
  EXPECT_EQ(name.size(), kGbkName.size());
  std::ranges::copy(as_bytes(kGbkName), name.begin());
  // 30 82 LL LL, then the signed part 30 82 LL LL.
  const std::size_t size = 4 + leaf.at(6) * 256U + leaf.at(7);
  return {leaf.begin() + 4, leaf.begin() + 4 + static_cast<std::ptrdiff_t>(size)};
}

/// The certificate with that signed part, signed by NAME.key.
inline Bytes certificate_by(const Workshop& shop, const std::string& name, const Bytes& signed_part) {
  const Bytes algorithm{0x30, 0x0A, 0x06, 0x08, 0x2A, 0x81, 0x1C, 0xCF, 0x55, 0x01, 0x83, 0x75};
  Bytes bits = sm2_signature_to_der(sign(shop, name, signed_part)), all = signed_part;
  bits.insert(bits.begin(), 0);  // no unused bits
  all.insert(all.end(), algorithm.begin(), algorithm.end());
  const Bytes signature = der_piece(0x03, bits);
  all.insert(all.end(), signature.begin(), signature.end());
  return der_piece(0x30, all);
}

}  // namespace taxgate::test
