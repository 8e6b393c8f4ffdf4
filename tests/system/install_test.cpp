// `cmake --install` with DESTDIR: the list of files, their modes, and that nothing installed names the build tree.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

namespace taxgate {
namespace {

namespace fs = std::filesystem;

class Install : public testing::Test {
 protected:
  Install() {
    std::string pattern = fs::temp_directory_path() / "taxgate-install-XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
    const std::string build = fs::path(TAXGATE_BIN_DIR).parent_path().string();
    const int status =
        std::system(("DESTDIR=" + directory_ + " cmake --install " + build + " --prefix /usr >/dev/null").c_str());
    EXPECT_EQ(status, 0);
    for (const auto& entry : fs::recursive_directory_iterator(directory_))
      if (!entry.is_directory()) files_.insert(entry.path().string().substr(directory_.size()));
  }
  ~Install() override { fs::remove_all(directory_); }
  std::string content(const std::string& file) const {
    std::ifstream in(directory_ + file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  std::string directory_;
  std::set<std::string> files_;
};

TEST_F(Install, PutsEachFileInItsPlaceAndNothingElse) {
  std::set<std::string> expected{"/usr/bin/taxgated",
                                 "/usr/bin/taxgate-keyd",
                                 "/usr/bin/taxgate",
                                 "/usr/bin/taxgate-sim",
                                 "/usr/lib/systemd/system/taxgated.service",
                                 "/usr/lib/systemd/system/taxgate-keyd.service",
                                 "/usr/lib/sysusers.d/taxgate.conf",
                                 "/usr/lib/tmpfiles.d/taxgate.conf",
                                 "/usr/lib/udev/rules.d/60-taxgate.rules",
                                 "/usr/share/polkit-1/rules.d/50-taxgate.rules",
                                 "/usr/share/taxgate/usb-devices.toml",
                                 "/usr/share/bash-completion/completions/taxgate",
                                 "/etc/taxgate/taxgated.example.toml",
                                 "/etc/taxgate/keyd.example.toml"};
  for (const char* page : {"README.md", "README.zh-CN.md", "CHANGELOG.md", "LICENSE", "NOTICE"})
    expected.insert(std::string("/usr/share/doc/taxgate/") + page);
  for (const auto& page : fs::directory_iterator(TAXGATE_SOURCE_DIR "/docs"))
    if (page.path().extension() == ".md" || page.path().filename() == "openapi.json")
      expected.insert("/usr/share/doc/taxgate/" + page.path().filename().string());
  EXPECT_EQ(files_, expected);
}

TEST_F(Install, ExamplesAreNotReadableByOthersAndUnitsNameTheInstalledPrograms) {
  for (const char* example : {"/etc/taxgate/taxgated.example.toml", "/etc/taxgate/keyd.example.toml"}) {
    struct stat st{};
    ASSERT_EQ(::stat((directory_ + example).c_str(), &st), 0);
    EXPECT_EQ(st.st_mode & 07777, 0640U) << example;
  }
  for (const std::string program : {"taxgated", "taxgate-keyd"})
    EXPECT_NE(content("/usr/lib/systemd/system/" + program + ".service").find("\nExecStart=/usr/bin/" + program + " "),
              std::string::npos);
}

TEST_F(Install, NoFileNamesTheBuildTree) {
  const std::string build = fs::path(TAXGATE_BIN_DIR).parent_path().string();
  for (const auto& file : files_) {
#if defined(__has_feature) && (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
    if (file.starts_with("/usr/bin/")) continue;  // with debugging information, which no installed build carries
#endif
    const std::string bytes = content(file);
    ASSERT_FALSE(bytes.empty()) << file;
    EXPECT_EQ(bytes.find(build), std::string::npos) << file;
  }
}

}  // namespace
}  // namespace taxgate
