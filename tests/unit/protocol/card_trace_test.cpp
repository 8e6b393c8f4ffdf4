#include "protocol/card_trace.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <fstream>
#include <sstream>

#include "protocol/gmt0017.h"

namespace taxgate::card_trace {
namespace {

Bytes of(std::initializer_list<int> values) {
  Bytes out;
  for (const int value : values) out.push_back(static_cast<std::uint8_t>(value));
  return out;
}

std::string masked_line(const gmt0017::Command& command) {
  return to_text(Exchange{mask_command(gmt0017::encode(command)), 0, Silence{"device_gone", "key.gone"}});
}

TEST(CardTrace, MasksTheDataOfEveryInstructionThatIsNotOnTheListOfHarmlessOnes) {
  const std::string harmless = "04 14 1c 22 26 28 32 34 36 42 44 46 4a 4e 74 88";
  int masked = 0;
  for (unsigned ins = 0; ins < 256; ++ins) {
    const auto code = static_cast<std::uint8_t>(ins);
    const gmt0017::Command command{.ins = code, .data = of({0xAA, 0xBB, 0xCC}), .le = {}};
    const Bytes bytes = gmt0017::encode(command);
    const Bytes answer = of({0x11, 0x22, 0x90, 0x00});
    const bool hidden = masked_line(command).find("aabbcc") == std::string::npos;
    EXPECT_EQ(hidden, !mask_response(bytes, answer).known[0]) << ins;
    EXPECT_TRUE(mask_response(bytes, answer).known[2]) << "the status word is no secret";
    if (!hidden)
      EXPECT_NE(harmless.find(fmt::format("{:02x}", ins)), std::string::npos) << fmt::format("{:02x}", ins);
    else
      ++masked;
  }
  EXPECT_GE(masked, 240);
  // Secure messaging, and what is no command at all.
  EXPECT_EQ(masked_line({.cla = gmt0017::kClaMac, .ins = 0x04, .data = of({0xAA}), .le = {}}).find("aa"),
            std::string::npos);
  const auto broken = mask_command(of({0x80, 0x18, 0, 1, 0, 0, 99, 0xAA, 0xBB}));
  for (std::size_t i = 4; i < broken.known.size(); ++i) EXPECT_FALSE(broken.known[i]) << i;
}

TEST(CardTrace, OfAPinHoldsNeitherProofNorChallenge) {
  std::array<std::uint8_t, 16> cipher{};
  cipher.fill(0xA5);
  const auto command = gmt0017::verify_pin(7, gmt0017::PinType::user, cipher);
  const std::string text = to_text(Exchange{mask_command(command), 3, mask_response(command, of({0x63, 0xC9}))});
  EXPECT_EQ(text.find("a5"), std::string::npos) << text;
  EXPECT_NE(text.find("< 3 63c9\n"), std::string::npos) << text;
  const auto random = gmt0017::gen_random(8);
  const auto answer = mask_response(random, of({1, 2, 3, 4, 5, 6, 7, 8, 0x90, 0x00}));
  EXPECT_EQ(to_text(Exchange{mask_command(random), 0, answer}).substr(17), "< 0 ................9000\n")
      << to_text(Exchange{mask_command(random), 0, answer});
}

TEST(CardTrace, IsReadAsItWasWritten) {
  const auto info = gmt0017::get_dev_info();
  const auto pin = gmt0017::verify_pin(7, gmt0017::PinType::user, std::array<std::uint8_t, 16>{1});
  const std::vector<Entry> entries{
      Session{}, Exchange{mask_command(info), 12, mask_response(info, of({1, 2, 0x90, 0}))},
      Exchange{mask_command(pin), 0, Silence{"outcome_unknown", "key.interrupted"}}, Session{}};
  std::string text(kFirstLine);
  text += "\n# a comment\n\n";
  for (const auto& entry : entries) text += to_text(entry);
  const auto read_back = read(text);
  ASSERT_TRUE(read_back) << read_back.error().field;
  EXPECT_EQ(*read_back, entries);
}

TEST(CardTrace, ACommandWithoutAnyAnswerHungAndALastLineThatIsCutIsLeftOut) {
  const std::string start = std::string(kFirstLine) + "\nsession\n> 80040000\n";
  for (const std::string& rest :
       {std::string(), std::string("session\n"), std::string("> 80050000\n< 0 9000\n"), std::string("< 5 90")}) {
    const auto entries = read(start + rest);
    ASSERT_TRUE(entries) << rest;
    const auto& exchange = std::get<Exchange>(entries->at(1));
    EXPECT_EQ(std::get<Silence>(exchange.answer).id, "key.hung") << rest;
  }
}

TEST(CardTrace, WhatIsNoneIsRefusedWithItsLine) {
  const std::string first = std::string(kFirstLine) + "\n";
  for (const auto& [text, line] :
       std::vector<std::pair<std::string, std::string>>{{"", "0"},
                                                        {"taxgate-card-trace 2\n", "1"},
                                                        {first + "session now\n", "2"},
                                                        {first + "> 8\n", "2"},
                                                        {first + "> 80 04\n", "2"},
                                                        {first + "> AB\n", "2"},
                                                        {first + "> ab.\n", "2"},
                                                        {first + "< 0 9000\n", "2"},
                                                        {first + "> 80\n< x 9000\n", "3"},
                                                        {first + "> 80\n< 99999999999 9000\n", "3"},
                                                        {first + "> 80\n< 0 90\n", "3"},
                                                        {first + "> 80\n! 0 gone\n", "3"},
                                                        {first + "> 80\n! 0 device_gone Key!\n", "3"},
                                                        {first + "what\n", "2"}}) {
    const auto entries = read(text);
    ASSERT_FALSE(entries) << text;
    EXPECT_EQ(entries.error().id, "trace.format");
    EXPECT_EQ(entries.error().wanted, line) << text;
  }
}

TEST(CardTrace, TheExampleOfTheDocumentIsOne) {
  std::ostringstream page;
  page << std::ifstream(std::string(TAXGATE_SOURCE_DIR) + "/docs/card-trace.md").rdbuf();
  const std::string text = page.str(), mark = "```card-trace\n";
  const auto start = text.find(mark) + mark.size();
  const auto entries = read(text.substr(start, text.find("```", start) - start));
  ASSERT_TRUE(entries) << entries.error().field << " " << entries.error().wanted;
  ASSERT_EQ(entries->size(), 4U);
  EXPECT_EQ(std::get<Silence>(std::get<Exchange>(entries->back()).answer).id, "key.interrupted");
  for (const auto& entry : *entries)
    if (const auto* exchange = std::get_if<Exchange>(&entry)) {
      const auto again = gmt0017::read_command(exchange->command.bytes);
      ASSERT_TRUE(again) << to_text(entry);
      EXPECT_EQ(mask_command(exchange->command.bytes).known, exchange->command.known) << to_text(entry);
    }
}

}  // namespace
}  // namespace taxgate::card_trace
