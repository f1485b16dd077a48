package zmq

import (
	"encoding/hex"

	zmq4 "github.com/pebbe/zmq4"
)

// zapAddress is where libzmq asks who may connect, ZeroMQ RFC 27 (ZAP). It is one address for
// each context, and every endpoint has a context of its own.
const zapAddress = "inproc://zeromq.zap.01"

// userIDProperty is where a frame says which curve key its connection was authenticated with.
const userIDProperty = "User-Id"

// serveZAP answers one request: a message of version, request id, domain, address, routing id,
// mechanism and credentials, which for CURVE is the caller's key. The answer is version, request
// id, status, text, user id and metadata. Our user ids are curve keys in hexadecimal.
func serveZAP(zap *zmq4.Socket, admits func(curveKey) bool) {
	parts, err := zap.RecvMessageBytes(zmq4.DONTWAIT)
	if err != nil {
		return
	}
	var id []byte
	if len(parts) > 1 {
		id = parts[1]
	}
	status, text, user := zapVerdict(parts, admits)
	// The socket replies to whom it heard last, which is our own context, in memory.
	_, _ = zap.SendMessage("1.0", id, status, text, user, "")
}

func zapVerdict(parts [][]byte, admits func(curveKey) bool) (status, text, user string) {
	const fields = 7
	if len(parts) != fields || string(parts[5]) != "CURVE" || len(parts[6]) != len(curveKey{}) {
		return "400", "not a CURVE handshake", ""
	}
	key := curveKey(parts[6])
	if !admits(key) {
		return "400", "this key is not admitted", ""
	}
	return "200", "OK", hex.EncodeToString(key[:])
}
