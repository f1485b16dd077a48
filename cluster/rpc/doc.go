// Package rpc is the protocol between clients and nodes: the messages, their bytes, and the
// server side over ports.
//
// # Concepts
//
// A client speaks to every node over a connection of its own, which the transport has
// authenticated: the node knows the client's key, the client the node's. What travels are frames,
// whole or not at all, in order as long as a connection lives. Any frame may be lost with its
// connection; nothing here depends on a frame arriving.
//
// A session is one connection of one running client, named by a number that the client draws.
// Any request opens it or keeps it open; SessionLease without one ends it, and everything it has
// under way. To an open session the node sends, unasked, the AnswerSheets of all commands signed
// by its key, as it executes them: whoever took the command in, every node answers.
//
// Every request has a number that the client counts; answers to it carry the same, and what comes
// unasked carries 0. Commands and their answers are tied by the request ids in them, not by these
// numbers, so that they outlive a connection.
//
// # Frames
//
// A request is version (1), kind (1), session (8), number (uvarint), timeout in milliseconds
// (uvarint, 0: the server's), body. A response is version (1), kind (1), session (8), number
// (uvarint), body. Integers are big-endian or minimal LEB128, texts and bytes have their length
// before them. The body of each message is with its type. Parsers accept exactly what the
// formatters emit.
//
// What a version has is never changed, only added to: a kind of request that a node does not know
// it answers with CodeMalformed, and what its client then asks for instead is with that kind.
//
// # Streams
//
// Rows and the bytes of a receipt come as a stream: frames of at most about StreamFrameBytes,
// counted from 0, then an End or an Error. The server sends as many frames as it has been granted
// with Credit, CreditFirst to begin with. A gap in the count means that a frame was lost, and the
// client asks again. Cancel ends a stream early.
//
// # Trust
//
// Answers to commands are juno.AnswerSheets and answers to reads carry a juno.Reading, both
// signed: a client may keep them as evidence. Errors and status are the word of one node.
//
// # What it does not do
//
// It opens no connection and signs no command. It does not decide what to believe: package client
// does.
package rpc
