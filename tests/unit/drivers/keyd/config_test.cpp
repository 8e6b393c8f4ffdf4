// taxgate-keyd's configuration: what it means, and how it says what is wrong.
#include "drivers/keyd/config.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace taxgate::keyd {
namespace {

constexpr std::string_view kMinimal = "socket = \"/run/k/s\"\nstate_directory = \"/var/lib/k\"\n";

Result<Config> parse(const std::string& more, const std::string& credentials = {}) {
  return parse_config(std::string(kMinimal) + more, "keyd.toml", credentials);
}

std::string trouble(const std::string& more, const std::string& credentials = {}) {
  const auto config = parse(more, credentials);
  return config ? "good" : config.error().id + " " + config.error().field + " " + config.error().left;
}

TEST(KeydConfig, IsSafeByDefault) {
  const auto config = parse("");
  ASSERT_TRUE(config);
  EXPECT_EQ(config->allowed_uid, ::geteuid());
  EXPECT_EQ(config->log_sync, LogSync::before_signing);
  EXPECT_TRUE(config->verify_signatures);
  EXPECT_EQ(config->signer_id, "1234567812345678");
  EXPECT_TRUE(config->pins.empty());
}

TEST(KeydConfig, FindsThePinBySerialBeforeTaxpayer) {
  const auto config = parse(
      "[[pin]]\ntaxpayer = \"T\"\nfile = \"/p/t\"\n[[pin]]\nserial = \"S\"\nfile = \"/p/s\"\n[[pin]]\nserial = "
      "\"C\"\ncredential = "
      "\"cred\"\n",
      "/run/credentials/keyd");
  ASSERT_TRUE(config) << config.error().id << config.error().left;
  EXPECT_EQ(config->pin_for("S", "T")->file, "/p/s");
  EXPECT_EQ(config->pin_for("other", "T")->file, "/p/t");
  EXPECT_EQ(config->pin_for("C", "")->file, "/run/credentials/keyd/cred");
  EXPECT_EQ(config->pin_for("C", "")->identity_name, "credential:cred");
  EXPECT_EQ(config->pin_for("other", "other"), nullptr);
  EXPECT_EQ(config->pin_for("", ""), nullptr);
}

TEST(KeydConfig, NamesVendorsLibrariesByAbsolutePathsAndUnlikeFileNames) {
  const auto config = parse(
      "[[skf]]\nlibrary = \"/v/liba.so\"\n[[skf]]\nlibrary = \"/v/libb.so\"\ndevice = \"D\"\nserial = \"S\"\n"
      "application = \"A\"\ncontainer = \"C\"\n");
  ASSERT_TRUE(config) << config.error().id << config.error().left;
  ASSERT_EQ(config->skf.size(), 2U);
  EXPECT_EQ(config->skf[0].library, "/v/liba.so");
  EXPECT_EQ(config->skf[0].device, "");
  EXPECT_EQ(config->skf[1].device + config->skf[1].serial + config->skf[1].application + config->skf[1].container,
            "DSAC");
  EXPECT_EQ(trouble("[[skf]]\nlibrary = \"liba.so\"\n"), "keyd.config_value skf[0].library keyd.toml:3");
  EXPECT_EQ(trouble("[[skf]]\ndevice = \"D\"\n"), "keyd.config_missing skf[0].library keyd.toml:3");
  EXPECT_EQ(trouble("[[skf]]\nlibrary = \"/v/l.so\"\n[[skf]]\nlibrary = \"/w/l.so\"\n"),
            "keyd.config_value skf[1].library keyd.toml:5");
  EXPECT_EQ(trouble("skf = \"/v/l.so\"\n"), "keyd.config_type skf keyd.toml:3");
}

TEST(KeydConfig, NamesFileLineAndKeyOfAMistake) {
  EXPECT_EQ(trouble("sokcet = \"x\"\n"), "keyd.config_unknown sokcet keyd.toml:3");
  EXPECT_EQ(trouble("\n\nsigner_id = 5\n"), "keyd.config_type signer_id keyd.toml:5");
  EXPECT_EQ(trouble("signer_id = \n"), "keyd.config_syntax  keyd.toml:3");
  EXPECT_EQ(trouble("[deadlines]\nsign_ms = 0\n"), "keyd.config_value deadlines.sign_ms keyd.toml:4");
  EXPECT_EQ(trouble("[deadlines]\nsgin_ms = 5\n"), "keyd.config_unknown deadlines.sgin_ms keyd.toml:4");
  EXPECT_EQ(trouble("log_sync = \"never\"\n"), "keyd.config_value log_sync keyd.toml:3");
  EXPECT_EQ(trouble("allowed_user = \"no-such-user-here\"\n"), "keyd.config_value allowed_user keyd.toml:3");
  EXPECT_EQ(trouble("[[pin]]\nfile = \"/p\"\n"), "keyd.config_value pin[0].serial keyd.toml:3");
  EXPECT_EQ(trouble("[[pin]]\nserial = \"S\"\nfile = \"p\"\n"), "keyd.config_value pin[0].file keyd.toml:3");
  EXPECT_EQ(trouble("[[pin]]\nserial = \"S\"\ncredential = \"c\"\n"),
            "keyd.config_value pin[0].credential keyd.toml:3");
  EXPECT_EQ(trouble("[[pin]]\nserial = \"S\"\ncredential = \"../c\"\n", "/run/credentials/keyd"),
            "keyd.config_value pin[0].credential keyd.toml:3");
  const auto missing = parse_config("socket = \"/s\"\n", "keyd.toml", "");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().id, "keyd.config_missing");
  EXPECT_EQ(missing.error().field, "state_directory");
  EXPECT_EQ(load_config("/no/such/file.toml", "").error().id, "keyd.config_file");
}

TEST(KeydConfig, LooksAtNoUsbDeviceUnlessAMatchingFileIsNamed) {
  EXPECT_EQ(parse("")->usb_devices, "");
  EXPECT_EQ(parse("[usb]\ndevices = \"/etc/t.toml\"\n")->usb_devices, "/etc/t.toml");
  EXPECT_EQ(trouble("[usb]\n"), "keyd.config_missing usb.devices keyd.toml:3");
  EXPECT_EQ(trouble("[usb]\ndevices = \"t.toml\"\n"), "keyd.config_value usb.devices keyd.toml:3");
  EXPECT_EQ(trouble("[usb]\ndevices = \"/t\"\ndevice = 1\n"), "keyd.config_unknown usb.device keyd.toml:5");
  EXPECT_EQ(trouble("usb = true\n"), "keyd.config_type usb keyd.toml:3");
}

TEST(KeydConfig, NeverTakesAPinItself) {
  EXPECT_EQ(trouble("[[pin]]\nserial = \"S\"\npin = \"123456\"\n"), "keyd.config_unknown pin[0].pin keyd.toml:5");
  EXPECT_EQ(parse("[[pin]]\nserial = \"S\"\npin = \"123456\"\n").error().wanted.find("123456"), std::string::npos);
}

}  // namespace
}  // namespace taxgate::keyd
