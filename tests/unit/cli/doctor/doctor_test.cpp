// Every finding is made real: a file with the wrong mode, a process that holds a device, a full file system, … Only
// /sys, /dev, /etc and /usr of a machine with keys are a directory of the test's own (--root).
#include <fcntl.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>

#include "cli/doctor/finding.h"
#include "daemon/core/files.h"
#include "protocol/messages.h"

namespace taxgate::doctor {
namespace {

namespace fs = std::filesystem;

/// A child that does nothing but hold what `prepare` made it hold; killed and reaped at the end.
class Sleeper {
 public:
  explicit Sleeper(const std::function<void()>& prepare, const std::string& program = "/bin/sleep") {
    int ready[2];
    if (::pipe2(ready, O_CLOEXEC) != 0) return;
    pid_ = ::fork();
    if (pid_ == 0) {
      prepare();
      ::execl(program.c_str(), program.c_str(), "60", nullptr);
      ::_exit(127);
    }
    ::close(ready[1]);
    char byte = 0;
    (void)!::read(ready[0], &byte, 1);  // ends when exec closed the other end
    ::close(ready[0]);
  }
  ~Sleeper() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Sleeper(const Sleeper&) = delete;
  Sleeper& operator=(const Sleeper&) = delete;
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
};

class Doctor : public testing::Test {
 protected:
  Doctor() {
    std::string pattern = fs::temp_directory_path() / "taxgate-doctor-XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
    scene_.root = directory_ + "/root";
    fs::create_directories(scene_.root);
    fs::create_directories(directory_ + "/state");
    fs::permissions(directory_ + "/state", fs::perms::owner_all);
    write("taxgated.toml",
          "[taxgated]\nchannel = \"simulator\"\nstate_dir = \"state\"\n[api]\nsocket = \"api.sock\"\n"
          "[platform]\nbase_url = \"https://127.0.0.1:1\"\n[[taxpayer]]\nid = \"91310115TGDM00011U\"\n"
          "name = \"x\"\nsm4_key_file = \"sm4.key\"\n[keys]\nsocket = \"keyd.sock\"\n",
          0640);
    write("sm4.key", "0123456789abcdef0123456789abcdef", 0600);
    write("usb.toml", "[[device]]\nname = \"K\"\nvendor = 0x1234\nproduct = 0xabcd\n", 0644);
    write("keyd.toml",
          "socket = \"/x\"\nstate_directory = \"" + directory_ + "/state\"\n[usb]\ndevices = \"" + directory_ +
              "/usb.toml\"\n[[pin]]\nserial = \"A\"\nfile = \"" + directory_ + "/pin\"\n",
          0640);
    write("pin", "1\n", 0600);
    scene_.taxgated_file = directory_ + "/taxgated.toml";
    scene_.keyd_file = directory_ + "/keyd.toml";
  }
  ~Doctor() override { fs::remove_all(directory_); }

  std::string write(const std::string& name, const std::string& text, mode_t mode) {
    const std::string path = name.starts_with("/") ? name : directory_ + "/" + name;
    fs::create_directories(fs::path(path).parent_path());
    std::ofstream(path) << text;
    ::chmod(path.c_str(), mode);
    return path;
  }
  /// A key at a port of the machine in --root: sysfs directory and device file.
  std::string plug(const std::string& port, int device) {
    const std::string sys = scene_.root + "/sys/bus/usb/devices/" + port;
    write(sys + "/idVendor", "1234\n", 0644);
    write(sys + "/idProduct", "abcd\n", 0644);
    write(sys + "/busnum", "1\n", 0644);
    write(sys + "/devnum", std::to_string(device) + "\n", 0644);
    write(sys + "/power/control", "on\n", 0644);
    return write(scene_.root + "/dev/bus/usb/001/00" + std::to_string(device), "", 0600);
  }
  Findings read() {
    Findings out;
    read_configurations(scene_, out);
    return out;
  }
  Findings found(Check check) {
    Findings out = read();
    check(scene_, out);
    for (const auto& one : out) {
      EXPECT_NE(find_message(one.error.id), nullptr) << one.error.id;
      EXPECT_FALSE(remedy_text(one.error, Language::chinese).empty() && one.severity != Severity::note) << one.error.id;
    }
    return out;
  }
  static const Finding* with(const Findings& all, std::string_view id) {
    for (const auto& one : all)
      if (one.error.id == id) return &one;
    return nullptr;
  }

  static std::string field(const Findings& all, std::string_view id) {
    const auto* one = with(all, id);
    return one == nullptr ? "no " + std::string(id) : one->error.field;
  }

  std::string directory_;
  Scene scene_;
};

TEST_F(Doctor, FindsNothingInFilesThatAreAsTheyShouldBe) {
  EXPECT_TRUE(read().empty());
  for (const Check check : {check_config_mode, check_secrets, check_credentials, check_state, check_usb_nodes,
                            check_usb_holders, check_autosuspend, check_hub, check_polkit, check_two_daemons})
    EXPECT_TRUE(found(check).empty()) << found(check).front().error.id;
}

TEST_F(Doctor, NamesAConfigurationThatIsMissingOrRefusedWithItsLine) {
  write("taxgated.toml", "[taxgated]\nchannel = 5\n", 0640);
  fs::remove(scene_.keyd_file);
  const auto all = read();
  const auto* refused = with(all, "doctor.config_invalid");
  ASSERT_NE(refused, nullptr);
  EXPECT_NE(refused->error.field.find("taxgated.toml:2"), std::string::npos) << refused->error.field;
  ASSERT_NE(with(all, "doctor.config_file"), nullptr);
  EXPECT_EQ(with(all, "doctor.config_file")->error.field, scene_.keyd_file);
}

TEST_F(Doctor, RepairsTheModeOfConfigurationSecretsAndState) {
  ::chmod(scene_.taxgated_file.c_str(), 0666);
  ::chmod((directory_ + "/sm4.key").c_str(), 0644);
  ::chmod((directory_ + "/pin").c_str(), 0640);
  ::chmod((directory_ + "/state").c_str(), 0755);
  const std::pair<Check, const char*> expected[] = {{check_config_mode, "doctor.config_mode"},
                                                    {check_secrets, "doctor.secret_mode"},
                                                    {check_state, "doctor.state_mode"}};
  for (const auto& [check, id] : expected) {
    const auto all = found(check);
    ASSERT_NE(with(all, id), nullptr) << id;
    for (const auto& one : all) {
      EXPECT_EQ(one.severity, Severity::failing);
      ASSERT_TRUE(one.fix);
      EXPECT_TRUE(one.fix().has_value());
    }
    EXPECT_TRUE(found(check).empty()) << id << " is still there after the repair";
  }
  struct stat st{};
  ::stat((directory_ + "/pin").c_str(), &st);
  EXPECT_EQ(st.st_mode & 0777, 0600U);
}

TEST_F(Doctor, NamesASecretThatIsNotThereAndACredentialWithoutContent) {
  fs::remove(directory_ + "/sm4.key");
  ASSERT_NE(with(found(check_secrets), "doctor.secret_missing"), nullptr);
  write("keyd.toml", "socket = \"/x\"\nstate_directory = \"/x\"\n[[pin]]\nserial = \"A\"\ncredential = \"pin_main\"\n",
        0640);
  const auto all = found(check_credentials);
  ASSERT_NE(with(all, "doctor.credential_missing"), nullptr);
  EXPECT_EQ(with(all, "doctor.credential_missing")->error.wanted, scene_.root + "/etc/taxgate/pin/main");
  write(scene_.root + "/etc/taxgate/pin/main", "1\n", 0600);
  EXPECT_TRUE(found(check_credentials).empty());
}

TEST_F(Doctor, WantsTheUdevRuleOnlyForKeysOnUsb) {
  EXPECT_NE(with(found(check_udev_rule), "doctor.udev_rule"), nullptr);
  const std::string rule = write(scene_.root + "/usr/lib/udev/rules.d/60-taxgate.rules", "", 0644);
  EXPECT_TRUE(found(check_udev_rule).empty());
  fs::remove(rule);
  write("keyd.toml", "socket = \"/x\"\nstate_directory = \"/x\"\n", 0640);
  EXPECT_TRUE(found(check_udev_rule).empty()) << "keys in card readers only";
}

TEST_F(Doctor, NamesADeviceFileThatKeydMayNotOpenThatIsMissingOrOpenToAll) {
  const std::string node = plug("1-1", 5);
  EXPECT_NE(with(found(check_usb_nodes), "doctor.usb_permission"), nullptr);
  ::chmod(node.c_str(), 0666);
  const auto open = found(check_usb_nodes);
  EXPECT_NE(with(open, "doctor.usb_open_to_all"), nullptr);
  EXPECT_EQ(with(open, "doctor.usb_permission"), nullptr);
  // As the udev rule leaves it: the group's that keyd is in. Ours stands for it.
  scene_.keyd_group = ::getgrgid(::getegid())->gr_name;
  ::chmod(node.c_str(), 0660);
  EXPECT_TRUE(found(check_usb_nodes).empty());
  ASSERT_NE(::getgrgid(::getegid() == 1 ? 2 : 1), nullptr);
  scene_.keyd_group = ::getgrgid(::getegid() == 1 ? 2 : 1)->gr_name;
  EXPECT_NE(with(found(check_usb_nodes), "doctor.usb_permission"), nullptr) << "another group's";
  scene_.keyd_group = ::getgrgid(::getegid())->gr_name;
  ::chmod(node.c_str(), 0640);
  EXPECT_NE(with(found(check_usb_nodes), "doctor.usb_permission"), nullptr)
      << "a key that can only be read is of no use";
  fs::remove(node);
  EXPECT_NE(with(found(check_usb_nodes), "doctor.usb_node"), nullptr);
}

TEST_F(Doctor, NamesTheProcessThatHoldsAKeysDeviceFile) {
  const std::string node = plug("1-1", 5);
  const Sleeper rival([&] { (void)!::open(node.c_str(), O_RDONLY); });
  const auto all = found(check_usb_holders);
  const auto* held = with(all, "doctor.usb_held");
  ASSERT_NE(held, nullptr);
  EXPECT_NE(held->error.wanted.find("sleep (pid " + std::to_string(rival.pid()) + ")"), std::string::npos)
      << held->error.wanted;
}

TEST_F(Doctor, SwitchesAutosuspendOffOfTheKeyOnly) {
  plug("1-1", 5);
  plug("1-2", 6);
  const std::string usb = scene_.root + "/sys/bus/usb/devices/";
  write(usb + "1-1/power/control", "auto\n", 0644);
  write(usb + "1-2/power/control", "auto\n", 0644);
  write(usb + "1-2/idProduct", "abce\n", 0644);  // something else of the same maker
  const auto all = found(check_autosuspend);
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all.front().error.id, "doctor.autosuspend");
  EXPECT_NE(all.front().error.field.find("at 1-1"), std::string::npos) << all.front().error.field;
  ASSERT_TRUE(all.front().fix().has_value());
  EXPECT_TRUE(found(check_autosuspend).empty());
  EXPECT_EQ(read_file(usb + "1-1/power/control", 16).value(), "on\n");
  EXPECT_EQ(read_file(usb + "1-2/power/control", 16).value(), "auto\n");
}

TEST_F(Doctor, NamesAHubWithoutPowerSupplyAndNotOneWithIt) {
  plug("1-1.2", 5);
  const std::string hub = write(scene_.root + "/sys/bus/usb/devices/1-1/bmAttributes", "80\n", 0644);
  EXPECT_NE(with(found(check_hub), "doctor.hub"), nullptr);
  write(hub, "e0\n", 0644);
  EXPECT_TRUE(found(check_hub).empty());
}

TEST_F(Doctor, NamesAPcscdThatDoesNotAnswerAndMissesItsPolkitRule) {
  ::unsetenv("PCSCLITE_CSOCK_NAME");
  EXPECT_NE(with(found(check_pcscd), "doctor.pcscd"), nullptr);
  const std::string path = scene_.root + "/run/pcscd/pcscd.comm";
  fs::create_directories(scene_.root + "/run/pcscd");
  const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  ASSERT_LT(path.size(), sizeof address.sun_path);
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  ASSERT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  EXPECT_NE(with(found(check_pcscd), "doctor.pcscd"), nullptr) << "a socket file that nobody listens on";
  ASSERT_EQ(::listen(fd.get(), 1), 0);
  EXPECT_TRUE(found(check_pcscd).empty());

  write(scene_.root + "/usr/share/polkit-1/actions/org.debian.pcsc-lite.policy", "", 0644);
  EXPECT_NE(with(found(check_polkit), "doctor.polkit"), nullptr);
  const auto shipped = read_file(TAXGATE_SOURCE_DIR "/systemd/taxgate-polkit.rules", 1 << 16);
  ASSERT_TRUE(shipped.has_value());
  write(scene_.root + "/usr/share/polkit-1/rules.d/50-taxgate.rules", *shipped, 0644);
  EXPECT_TRUE(found(check_polkit).empty());
}

TEST_F(Doctor, NamesACardReaderThatLibccidDoesNotList) {
  const std::string usb = scene_.root + "/sys/bus/usb/devices/";
  for (const auto& [name, text] : {std::pair{"1-4/idVendor", "055c"},
                                   {"1-4/idProduct", "e618"},
                                   {"1-4/product", "mToken"},
                                   {"1-4:1.0/bInterfaceClass", "03"},
                                   {"1-4:1.1/bInterfaceClass", "0b"}})
    write(usb + name, std::string(text) + "\n", 0644);
  const auto without = found(check_reader_models);
  ASSERT_NE(with(without, "doctor.reader_unknown"), nullptr) << "no libccid at all";
  EXPECT_EQ(without.front().error.field, "mToken 055c:e618 at 1-4");
  const auto list = [](const std::string& vendors, const std::string& products) {
    return "<dict><key>ifdVendorID</key><array>" + vendors + "</array><key>ifdProductID</key><array>" + products +
           "</array></dict>";
  };
  const std::string file = scene_.root + "/etc/libccid_Info.plist";
  // Both numbers are there, of two other models.
  write(file, list("<string>0x055C</string><string>0x08E6</string>", "<string>0xE617</string><string>0xE618</string>"),
        0644);
  EXPECT_EQ(found(check_reader_models).size(), 1U);
  write(file,
        list("<string>0x08E6</string>\n<string>0x055C</string>", "<string>0xE617</string>\n<string>0xE618</string>"),
        0644);
  EXPECT_TRUE(found(check_reader_models).empty());
}

TEST_F(Doctor, NamesOtherProgramsThatUseCardReaders) {
  // A library of that name mapped into another process.
  const std::string copy = directory_ + "/libpcsclite.so.1";
  fs::copy_file("/bin/sleep", copy);
  const Sleeper rival([] {}, copy);
  const auto all = found(check_reader_holders);
  ASSERT_NE(with(all, "doctor.reader_users"), nullptr);
  EXPECT_NE(with(all, "doctor.reader_users")->error.field.find("(pid " + std::to_string(rival.pid()) + ")"),
            std::string::npos);
}

TEST_F(Doctor, NamesBothProcessesOnOneDatabase) {
  const std::string database = write("state/taxgate.db", "", 0600);
  const auto hold = [&] { (void)!::open(database.c_str(), O_RDONLY); };
  const Sleeper one(hold);
  EXPECT_TRUE(found(check_two_daemons).empty());
  const Sleeper two(hold);
  const auto all = found(check_two_daemons);
  ASSERT_NE(with(all, "doctor.two_daemons"), nullptr);
  for (const pid_t pid : {one.pid(), two.pid()})
    EXPECT_NE(all.front().error.wanted.find("(pid " + std::to_string(pid) + ")"), std::string::npos);
}

TEST_F(Doctor, NamesADaemonThatMayDumpCoreOrCannotLockMemory) {
  const std::string program = directory_ + "/taxgated";
  fs::copy_file("/bin/sleep", program);
  const Sleeper daemon(
      [] {
        const rlimit core{4096, 4096}, lock{65536, 65536};
        ::setrlimit(RLIMIT_CORE, &core);
        ::setrlimit(RLIMIT_MEMLOCK, &lock);
      },
      program);
  const std::string named = "taxgated (pid " + std::to_string(daemon.pid()) + ")";
  const auto names = [&](const Findings& all, std::string_view id) {
    for (const auto& one : all)
      if (one.error.id == id && one.error.field == named) return true;
    return false;
  };
  EXPECT_TRUE(names(found(check_core_dumps), "doctor.core_dumps"));
  EXPECT_TRUE(names(found(check_memory_locks), "doctor.memlock"));
  const Sleeper good(
      [] {
        const rlimit core{0, 0}, lock{8 << 20, 8 << 20};
        ::setrlimit(RLIMIT_CORE, &core);
        ::setrlimit(RLIMIT_MEMLOCK, &lock);
      },
      program);
  for (const Check check : {check_core_dumps, check_memory_locks})
    for (const auto& one : found(check))
      EXPECT_EQ(one.error.field.find("(pid " + std::to_string(good.pid()) + ")"), std::string::npos);
}

TEST_F(Doctor, TellsTheStateOfKeysAsTaxgatedShowsThem) {
  scene_.keys.emplace();
  EXPECT_NE(with(found(check_daemon), "doctor.key_host"), nullptr);
  scene_.keys->set_key_host_connected(true);
  const auto add = [&](const char* serial, const char* state, int tries, const char* until) {
    auto& key = *scene_.keys->add_keys();
    key.set_serial(serial);
    key.set_state(state);
    key.set_pin_tries_left(tries);
    key.set_valid_until(until);
  };
  add("GOOD", "ready", 8, "2099-01-01T00:00:00+08:00");
  EXPECT_TRUE(found(check_pin_tries).empty());
  EXPECT_TRUE(found(check_key_certificates).empty());
  add("ONE", "ready", 1, "2099-01-01T00:00:00+08:00");
  add("LOCK", "locked", 0, "2099-01-01T00:00:00+08:00");
  add("BAD", "pin_wrong", 6, "2099-01-01T00:00:00+08:00");
  add("OLD", "expired", 8, "2020-01-01T00:00:00+08:00");
  const auto pins = found(check_pin_tries);
  EXPECT_EQ(field(pins, "doctor.pin_last_try"), "ONE");
  EXPECT_EQ(field(pins, "doctor.pin_locked"), "LOCK");
  EXPECT_EQ(field(pins, "doctor.pin_wrong"), "BAD");
  EXPECT_EQ(field(found(check_key_certificates), "doctor.certificate_expired"), "OLD");
  scene_.keys.reset();
  scene_.unreachable = Error{Errc::retry_later, "cli.unreachable", {}, "/x", {}, {}};
  EXPECT_NE(with(found(check_daemon), "doctor.daemon"), nullptr);
}

TEST_F(Doctor, TellsWhichTaxDiskStopsIssuingAndWhichCouldNotBeRead) {
  scene_.keys.emplace();
  scene_.keys->set_key_host_connected(true);
  EXPECT_TRUE(found(check_tax_disks).empty());
  auto& key = *scene_.keys->add_keys();
  key.set_serial("DISK1");
  auto& type = *key.mutable_disk()->add_types();
  type.set_type("007");
  auto& end = *type.add_forecasts();
  end.set_code("disk.end_numbers");
  end.set_wanted("11400");
  end.set_left("19");
  EXPECT_TRUE(found(check_tax_disks).empty()) << "far away";
  end.set_level("near");
  const auto soon = found(check_tax_disks);
  ASSERT_EQ(soon.size(), 1u);
  EXPECT_EQ(soon[0].severity, Severity::attention);
  EXPECT_EQ(message_text(soon[0].error, Language::english),
            "DISK1 007: 19 numbers are left; issuing stops in 3 h 10 min at today's rate.");
  EXPECT_NE(remedy_text(soon[0].error, Language::chinese), "");
  end.set_code("disk.end_lock_date");
  end.set_level("stopped");
  EXPECT_EQ(found(check_tax_disks).at(0).severity, Severity::failing);
  key.mutable_disk()->set_trouble("cannot be read");
  EXPECT_EQ(field(found(check_tax_disks), "doctor.disk_unread"), "DISK1");
}

TEST_F(Doctor, SaysThatThePlatformWasNotReachedAndExitsByTheWorstFinding) {
  const auto all = found(check_platform);  // nothing listens on port 1
  ASSERT_NE(with(all, "doctor.platform"), nullptr);
  EXPECT_EQ(exit_code(all), 2);
  EXPECT_EQ(exit_code({{Severity::attention, {Errc::rejected, "doctor.hub", {}, {}, {}, {}}}}), 1);
  EXPECT_EQ(exit_code({{Severity::note, {Errc::rejected, "doctor.not_root", {}, {}, {}, {}}}}), 0);
  Findings fixed = all;
  fixed.front().fixed = true;
  EXPECT_EQ(exit_code(fixed), 0);
}

TEST_F(Doctor, FindsSkfLibrariesThatTheKeyHostWouldRefuseAndLoadsNone) {
  const auto name = [&](const std::string& library) {
    write("keyd.toml", "socket = \"/x\"\nstate_directory = \"/x\"\n[[skf]]\nlibrary = \"" + library + "\"\n", 0640);
  };
  std::string good;  // the C library this test runs with
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);)
    if (line.ends_with("/libc.so.6")) good = line.substr(line.find('/'));
  const auto left = [&](std::string_view id) {
    const Findings all = found(check_skf_libraries);
    const auto* one = with(all, id);
    return one == nullptr ? "no " + std::string(id) : one->error.left;
  };
  name(good);
  EXPECT_TRUE(found(check_skf_libraries).empty()) << "a library of this machine, root's";
  name("libskf.so");
  EXPECT_NE(with(found(check_skf_libraries), "skf.path"), nullptr);
  name(directory_ + "/none.so");
  EXPECT_EQ(left("skf.missing"), "No such file or directory");
  const std::string copy = directory_ + "/libskf.so";
  fs::copy_file(good, copy);
  ::chmod(copy.c_str(), 0755);
  name(copy);
  EXPECT_TRUE(found(check_skf_libraries).empty()) << "of the owner of this program";
  ::chmod(copy.c_str(), 0775);
  EXPECT_EQ(left("skf.writable"), copy);
  ::chmod(copy.c_str(), 0755);
  ::chmod(directory_.c_str(), 0777);
  EXPECT_EQ(left("skf.writable"), directory_) << "who may write the directory may replace the file";
  ::chmod(directory_.c_str(), 0700);
  name(write("text.so", std::string(64, 'x'), 0644));
  EXPECT_EQ(left("skf.elf"), "no ELF file");
}

TEST_F(Doctor, RepeatsWhatTheKeyHostMetInAnSkfLibrary) {
  scene_.keys.emplace();
  auto* key = scene_.keys->add_keys();
  key->set_reader("SKF libskf.so");
  key->set_trouble("It has no function SKF_ECCSignData.");
  key->set_trouble_zh("缺少函数 SKF_ECCSignData。");
  const auto all = found(check_skf_libraries);
  ASSERT_NE(with(all, "doctor.skf_key"), nullptr);
  const Error& error = with(all, "doctor.skf_key")->error;
  EXPECT_EQ(message_text(error, Language::english),
            "SKF libskf.so cannot be used: It has no function SKF_ECCSignData.");
  EXPECT_EQ(message_text(error, Language::chinese), "SKF libskf.so 无法使用:缺少函数 SKF_ECCSignData。");
  key->set_reader("Reader 00 00");
  EXPECT_TRUE(found(check_skf_libraries).empty());
}

TEST_F(Doctor, AsOrdinaryUserItSaysWhatItCannotSee) {
  EXPECT_EQ(with(found(check_privilege), "doctor.not_root") != nullptr, ::geteuid() != 0);
}

}  // namespace
}  // namespace taxgate::doctor
