// A service that makes ids: GET /id answers with a new one, GET /id?name=x always with the same one for x.
package main

import (
	"fmt"
	"log"
	"net/http"

	"github.com/google/uuid"
)

func id(w http.ResponseWriter, r *http.Request) {
	if name := r.URL.Query().Get("name"); name != "" {
		fmt.Fprintln(w, uuid.NewSHA1(uuid.NameSpaceURL, []byte(name)))
		return
	}
	fmt.Fprintln(w, uuid.New())
}

func main() {
	http.HandleFunc("/id", id)
	log.Fatal(http.ListenAndServe(":8080", nil))
}
