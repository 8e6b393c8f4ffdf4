#pragma once
// An intake over a store of its own.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <sstream>

#include "daemon/core/clock.h"
#include "daemon/pipeline/intake.h"
#include "protocol/json_form.h"

namespace taxgate::pipeline {

class IntakeFixture : public testing::Test {
 protected:
  IntakeFixture() : directory_(std::filesystem::temp_directory_path() / ("taxgate-check-" + std::to_string(getpid()))) {
    std::filesystem::create_directories(directory_);
    auto opened = store::Store::open({.path = directory_ / "taxgate.db", .clock = &clock_, .vfs = {}, .probe = {}});
    EXPECT_TRUE(opened);
    store_ = std::move(*opened);
    reader_ = std::move(*store_->reader());
    settings_.codes.approvals.clear();
  }
  ~IntakeFixture() override {
    reader_.reset();
    store_.reset();
    std::filesystem::remove_all(directory_);
  }

  /// A sample of the callers' form, with the blue invoice inside; its seller is one of ours.
  api::v1::SubmissionRequest sample(const std::string& name) {
    std::ifstream in(std::string(TAXGATE_SOURCE_DIR) + "/tests/fuzz/corpus/json/" + name + ".json");
    std::ostringstream text;
    text << in.rdbuf();
    api::v1::SubmissionRequest request;
    EXPECT_TRUE(from_json(text.str(), request)) << name;
    settings_.taxpayers[request.seller()] = {.id = request.seller(), .name = {}, .tax_device = {}};
    return request;
  }
  api::v1::CheckReply check(const api::v1::SubmissionRequest& request, bool menu = false) {
    auto reply = intake_.check(*reader_, settings_, "erp", taxpayers_, request, false, menu);
    EXPECT_TRUE(reply) << (reply ? "" : reply.error().id);
    return reply.value_or(api::v1::CheckReply{});
  }
  std::filesystem::path directory_;
  ManualClock clock_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<store::Reader> reader_;
  Settings settings_;
  std::vector<std::string> taxpayers_;
  Intake intake_{clock_};
};

}  // namespace taxgate::pipeline
