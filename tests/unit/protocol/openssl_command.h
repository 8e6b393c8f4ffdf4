#pragma once
// The openssl command line as an independent judge of our SM2 code: both sides of our own tests share one room.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

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

}  // namespace taxgate::test
