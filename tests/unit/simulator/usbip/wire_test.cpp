#include "simulator/usbip/wire.h"

#include <gtest/gtest.h>

#include "tests/unit/simulator/usbip/host.h"

namespace taxgate::simulator::usbip {
namespace {

Bytes submit_head(std::uint32_t direction, std::uint32_t endpoint, std::uint32_t length, std::uint32_t packets = 0) {
  Bytes out = UsbIpHost::numbers({1, 7, 0x10001, direction, endpoint, 0, length, 0, packets, 0});
  out.resize(kHeader);
  return out;
}

std::vector<Request> all_of(const Bytes& stream, std::size_t piece) {
  Reader reader;
  std::vector<Request> out;
  for (std::size_t at = 0; at < stream.size(); at += piece) {
    ByteView part = ByteView(stream).subspan(at, std::min(piece, stream.size() - at));
    for (;;) {
      auto next = reader.next(part);
      EXPECT_TRUE(next);
      if (!next || !*next) break;
      out.push_back(std::move(**next));
    }
    EXPECT_TRUE(part.empty());
  }
  return out;
}

TEST(UsbIpWire, CutsRequestsOutOfAStreamHoweverItIsCut) {
  Bytes stream = submit_head(0, 2, 5);
  stream.insert(stream.end(), {1, 2, 3, 4, 5});
  const Bytes ask = submit_head(1, 1, 512);
  stream.insert(stream.end(), ask.begin(), ask.end());
  Bytes cancel = UsbIpHost::numbers({2, 9, 0x10001, 0, 0, 7});
  cancel.resize(kHeader);
  stream.insert(stream.end(), cancel.begin(), cancel.end());
  for (std::size_t piece = 1; piece <= stream.size(); ++piece) {
    const auto got = all_of(stream, piece);
    ASSERT_EQ(got.size(), 3U) << piece;
    const auto& out = std::get<Submit>(got[0]);
    EXPECT_EQ(out.sequence, 7U);
    EXPECT_EQ(out.endpoint, 0x02);
    EXPECT_EQ(out.data, (Bytes{1, 2, 3, 4, 5}));
    const auto& in = std::get<Submit>(got[1]);
    EXPECT_TRUE(in.in && in.data.empty());
    EXPECT_EQ(in.endpoint, 0x81);
    EXPECT_EQ(in.length, 512U);
    EXPECT_EQ(std::get<Unlink>(got[2]).sequence, 9U);
    EXPECT_EQ(std::get<Unlink>(got[2]).victim, 7U);
  }
}

TEST(UsbIpWire, RefusesWhatHasNoMeaningAndNamesIt) {
  Bytes command = submit_head(0, 2, 0);
  command[3] = 3;  // an answer, which only we give
  const std::pair<Bytes, const char*> wrong[] = {{command, "command"},
                                                 {submit_head(2, 2, 0), "direction"},
                                                 {submit_head(0, 16, 0), "endpoint"},
                                                 {submit_head(0, 2, kMaxOut + 1), "length"},
                                                 {submit_head(1, 1, 8, 4), "packets"}};
  for (const auto& [bytes, field] : wrong) {
    Reader reader;
    ByteView view(bytes);
    const auto next = reader.next(view);
    ASSERT_FALSE(next) << field;
    EXPECT_EQ(next.error().id, "sim.usbip_format");
    EXPECT_EQ(next.error().field, field);
  }
  // What a host takes needs no room here, however much it says.
  EXPECT_EQ(all_of(submit_head(1, 1, 0xFFFF'FFFF), 48).size(), 1U);
}

TEST(UsbIpWire, WritesAnswersAsTheProtocolHasThem) {
  const Bytes data{0xAA, 0xBB};
  Bytes wanted = UsbIpHost::numbers({3, 0x01020304, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0});
  wanted.insert(wanted.end(), data.begin(), data.end());
  EXPECT_EQ(submit_answer(0x01020304, Status::ok, 2, data), wanted);
  EXPECT_EQ(submit_answer(5, Status::stalled, 0, {}),
            UsbIpHost::numbers({3, 5, 0, 0, 0, 0xFFFFFFE0, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(unlink_answer(6, Status::cancelled), UsbIpHost::numbers({4, 6, 0, 0, 0, 0xFFFFFF98, 0, 0, 0, 0, 0, 0}));
}

}  // namespace
}  // namespace taxgate::simulator::usbip
