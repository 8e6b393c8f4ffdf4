#include "daemon/core/http_request.h"

#include <gtest/gtest.h>

namespace taxgate {
namespace {

TEST(HttpRequestHead, IsTheRequestLineTheFieldsInOrderTheLengthAndAnEmptyLine) {
  EXPECT_EQ(http_request_head("POST", "/v1/submissions?x=1", {{"Host", "localhost"}, {"Accept", "a/b"}}, 17),
            "POST /v1/submissions?x=1 HTTP/1.1\r\nHost: localhost\r\nAccept: a/b\r\nContent-Length: 17\r\n\r\n");
}

TEST(HttpRequestHead, NamesALengthOfNothingForAPostOnly) {
  EXPECT_EQ(http_request_head("POST", "/", {}, 0), "POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(http_request_head("GET", "/", {}, 0), "GET / HTTP/1.1\r\n\r\n");
  EXPECT_EQ(http_request_head("PUT", "/", {}, 3), "PUT / HTTP/1.1\r\nContent-Length: 3\r\n\r\n");
}

TEST(HttpRequestHead, LetsNoValueAddAField) {
  const std::string value("a\r\nX-Evil: 1\r\n\r\nGET / \0b", 24);
  EXPECT_EQ(http_request_head("GET", "/", {{"Idempotency-Key", value}}, 0),
            "GET / HTTP/1.1\r\nIdempotency-Key: a  X-Evil: 1    GET /  b\r\n\r\n");
}

}  // namespace
}  // namespace taxgate
