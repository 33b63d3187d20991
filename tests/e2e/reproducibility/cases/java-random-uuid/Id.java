import java.nio.file.Files;
import java.nio.file.Path;
import java.util.UUID;

public class Id {
    public static void main(String[] words) throws Exception {
        Files.writeString(Path.of("/build.properties"), "build.name=app\nbuild.id=" + UUID.randomUUID() + "\n");
    }
}
