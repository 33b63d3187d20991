package main

import "fmt"

var built = "never"

func main() {
	fmt.Println(built)
}
